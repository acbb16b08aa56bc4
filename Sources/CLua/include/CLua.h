// Lua 5.4 as Swift sees it: the headers, and inline twins of the function-like macros, which Swift cannot import.
#pragma once
#include <lua5.4/lua.h>
#include <lua5.4/lauxlib.h>
#include <lua5.4/lualib.h>

static const int pare_registry = LUA_REGISTRYINDEX;

static inline void pare_pop(lua_State *L, int count) { lua_settop(L, -count - 1); }
static inline void pare_newtable(lua_State *L) { lua_createtable(L, 0, 0); }
static inline void pare_insert(lua_State *L, int index) { lua_rotate(L, index, 1); }
static inline void pare_remove(lua_State *L, int index) {
  lua_rotate(L, index, -1);
  lua_settop(L, -2);
}
static inline void pare_replace(lua_State *L, int index) {
  lua_copy(L, -1, index);
  lua_settop(L, -2);
}
static inline int pare_upvalue(int index) { return LUA_REGISTRYINDEX - index; }
