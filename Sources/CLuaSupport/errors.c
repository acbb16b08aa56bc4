// Error objects: tables that act like their one line of text where a string is wanted.
#include "internal.h"

static const char error_key = 0;

bool pare_is_error(lua_State *L, int index) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &error_key);
  bool same = lua_rawequal(L, -1, -2);
  lua_settop(L, -3);
  return same;
}

void pare_mark_error(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &error_key);
  lua_setmetatable(L, -2);
}

static void push_text(lua_State *L, int index) {
  index = lua_absindex(L, index);
  if (!pare_is_error(L, index)) {
    lua_pushvalue(L, index);
    return;
  }
  lua_pushliteral(L, "text");
  lua_rawget(L, index);
}

static int error_tostring(lua_State *L) {
  push_text(L, 1);
  if (!lua_isstring(L, -1)) lua_pushliteral(L, "error");
  return 1;
}

static int error_concat(lua_State *L) {
  push_text(L, 1);
  push_text(L, 2);
  lua_concat(L, 2);
  return 1;
}

static int error_length(lua_State *L) {
  push_text(L, 1);
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
  return 1;
}

/// A function of the string library with every error among its arguments replaced by its text.
static int string_function(lua_State *L) {
  int count = lua_gettop(L);
  luaL_checkstack(L, count + 1, NULL);
  lua_pushvalue(L, lua_upvalueindex(1));
  for (int i = 1; i <= count; i++) push_text(L, i);
  lua_call(L, count, LUA_MULTRET);
  return lua_gettop(L) - count;
}

static int error_index(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TFUNCTION) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushcclosure(L, string_function, 1);
  return 1;
}

void pare_open_errors(lua_State *L) {
  lua_createtable(L, 0, 6);
  lua_pushliteral(L, "error");
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, error_concat);
  lua_setfield(L, -2, "__concat");
  lua_pushcfunction(L, error_length);
  lua_setfield(L, -2, "__len");
  lua_getglobal(L, "string");
  lua_pushcclosure(L, error_index, 1);
  lua_setfield(L, -2, "__index");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &error_key);
}
