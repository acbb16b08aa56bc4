// Loading of Lua text. Bytecode is never loaded: a crafted one can do anything to the process.
#include <string.h>
#include "internal.h"

/// Calls the original (first upvalue) with its mode argument, at the position in the second, made text-only.
static int text_only(lua_State *L) {
  int position = (int)lua_tointeger(L, lua_upvalueindex(2));
  const char *mode = luaL_optstring(L, position, "t");
  const char *allowed = strchr(mode, 't') ? "t" : "";
  if (lua_gettop(L) < position) lua_settop(L, position);
  lua_pushstring(L, allowed);
  lua_replace(L, position);
  int count = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, count, LUA_MULTRET);
  return lua_gettop(L);
}

static void restrict_mode(lua_State *L, const char *name, int position) {
  lua_getglobal(L, name);
  lua_pushinteger(L, position);
  lua_pushcclosure(L, text_only, 2);
  lua_setglobal(L, name);
}

static int rest(lua_State *L, int status, lua_KContext extra) {
  (void)status;
  (void)extra;
  return lua_gettop(L) - 1;
}

static int do_file(lua_State *L) {
  const char *name = luaL_optstring(L, 1, NULL);
  lua_settop(L, 1);
  if (luaL_loadfilex(L, name, "t") != LUA_OK) return lua_error(L);
  lua_callk(L, 0, LUA_MULTRET, 0, rest);
  return rest(L, 0, 0);
}

/// `package.searchers[2]`, text only.
static int search_path(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchpath");
  lua_pushvalue(L, 1);
  lua_getfield(L, 2, "path");
  lua_call(L, 2, 2);
  if (lua_isnil(L, -2)) return 1;
  lua_settop(L, -2);
  const char *file = lua_tostring(L, -1);
  if (luaL_loadfilex(L, file, "t") == LUA_OK) {
    lua_pushstring(L, file);
    return 2;
  }
  return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, file, lua_tostring(L, -1));
}

/// Finalizers run without hooks, so that one that never ends could not be stopped: none in the sandbox.
static int set_metatable(lua_State *L) {
  luaL_checkany(L, 2);
  if (lua_istable(L, 2)) {
    lua_pushliteral(L, "__gc");
    if (lua_rawget(L, 2) != LUA_TNIL) return luaL_error(L, "setmetatable: the sandbox has no finalizers (__gc)");
    lua_settop(L, -2);
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

void pare_open_loaders(lua_State *L, bool sandbox) {
  restrict_mode(L, "load", 3);
  if (sandbox) {
    static const char *const gone[] = {"os", "io", "package", "require", "dofile", "loadfile", "debug"};
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
      lua_pushnil(L);
      lua_setglobal(L, gone[i]);
      lua_pushnil(L);
      lua_setfield(L, -2, gone[i]);
    }
    lua_settop(L, -2);
    lua_getglobal(L, "setmetatable");
    lua_pushcclosure(L, set_metatable, 1);
    lua_setglobal(L, "setmetatable");
    return;
  }
  restrict_mode(L, "loadfile", 2);
  lua_pushcfunction(L, do_file);
  lua_setglobal(L, "dofile");
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  lua_pushcfunction(L, search_path);
  lua_rawseti(L, -2, 2);
  lua_settop(L, -3);
}
