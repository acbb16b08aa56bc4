#pragma once
#include "CLuaSupport.h"

/// Raises the error object for `reason`.
int pare_raise(lua_State *L, pare_reason reason);
/// Replaces Lua's own message for refused memory (on top) by the limit's error object.
void pare_translate(lua_State *L, int status);
/// Checks the ceiling after Swift code may have passed it.
void pare_check_ceiling(lua_State *L, pare_state *state);
void pare_open_errors(lua_State *L);
void pare_open_coroutines(lua_State *L);
void pare_open_loaders(lua_State *L, bool sandbox);
