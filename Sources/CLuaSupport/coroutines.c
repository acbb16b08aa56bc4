// `coroutine.resume` and `wrap` that tell the state which coroutine runs, so that an interrupt reaches it,
// and `pcall`, `xpcall` that give the limit's error object where memory was refused.
#include "internal.h"

static lua_State *coroutine(lua_State *L) {
  lua_State *other = lua_tothread(L, 1);
  if (!other) luaL_typeerror(L, 1, "coroutine");
  return other;
}

/// Returns the count of results moved to L, or -1 with the error value there.
static int resume(lua_State *L, lua_State *other, int arguments) {
  pare_state *state = pare_state_of(L);
  if (!lua_checkstack(other, arguments)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, other, arguments);
  lua_State *outer = state->running;
  state->running = other;
  pare_arm(other);
  int results = 0;
  int status = lua_resume(other, L, arguments, &results);
  state->running = outer;
  if (state->interrupts) pare_arm(L);
  if (status == LUA_OK || status == LUA_YIELD) {
    if (!lua_checkstack(L, results + 1)) {
      lua_settop(other, -results - 1);
      lua_pushliteral(L, "too many results to resume");
      return -1;
    }
    lua_xmove(other, L, results);
    return results;
  }
  lua_xmove(other, L, 1);
  pare_translate(L, status);
  return -1;
}

static int coroutine_resume(lua_State *L) {
  lua_State *other = coroutine(L);
  int results = resume(L, other, lua_gettop(L) - 1);
  lua_pushboolean(L, results >= 0);
  if (results < 0) results = 1;
  lua_insert(L, -results - 1);
  return results + 1;
}

static int call_wrapped(lua_State *L) {
  lua_State *other = lua_tothread(L, lua_upvalueindex(1));
  int results = resume(L, other, lua_gettop(L));
  if (results >= 0) return results;
  int status = lua_status(other);
  if (status != LUA_OK && status != LUA_YIELD) {
    // Closes what the coroutine had open; an error in closing takes the first one's place.
    if (lua_resetthread(other) != LUA_OK && lua_gettop(other) > 0) {
      lua_xmove(other, L, 1);
    }
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int coroutine_create(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  pare_state *state = pare_state_of(L);
  // Short-lived coroutines end before their own count reaches the hook.
  if (state->instruction_limit) state->instructions += 100;
  lua_State *other = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, other, 1);
  return 1;
}

static int coroutine_wrap(lua_State *L) {
  coroutine_create(L);
  lua_pushcclosure(L, call_wrapped, 1);
  return 1;
}

static int finish(lua_State *L, int status, lua_KContext extra) {
  if (status != LUA_OK && status != LUA_YIELD) {
    pare_translate(L, status);
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
  }
  return lua_gettop(L) - (int)extra;
}

static int protected_call(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  return finish(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish), 0);
}

static int protected_call_handled(lua_State *L) {
  int count = lua_gettop(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2);
  return finish(L, lua_pcallk(L, count - 2, LUA_MULTRET, 2, 2, finish), 2);
}

void pare_open_coroutines(lua_State *L) {
  static const luaL_Reg functions[] = {
    {"create", coroutine_create}, {"resume", coroutine_resume}, {"wrap", coroutine_wrap}, {NULL, NULL}};
  lua_getglobal(L, "coroutine");
  luaL_setfuncs(L, functions, 0);
  lua_settop(L, -2);
  lua_pushcfunction(L, protected_call);
  lua_setglobal(L, "pcall");
  lua_pushcfunction(L, protected_call_handled);
  lua_setglobal(L, "xpcall");
}
