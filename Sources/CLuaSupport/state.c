// A state: allocator with a ceiling, the hook for interrupts and instructions, protected calls.
#include <stdlib.h>
#include <string.h>
#include "internal.h"

enum { hook_step = 1000 };
static const size_t collect_floor = 4u << 20, collect_ceiling = 64u << 20;

static pare_host host;
static const char traceback_key = 0;

void pare_set_host(pare_host given) { host = given; }

static pare_state **slot(lua_State *L) { return (pare_state **)lua_getextraspace(L); }
pare_state *pare_state_of(lua_State *L) { return *slot(L); }

static void *allocate(void *data, void *block, size_t old, size_t size) {
  pare_state *state = data;
  // For a new block `old` is the kind of object, not a size.
  size_t before = block ? old : 0;
  if (size == 0) {
    free(block);
    state->used -= before;
    return NULL;
  }
  if (state->ceiling && size > before && !state->shielded &&
      (size - before > state->ceiling || state->used + state->outside > state->ceiling - (size - before))) {
    state->exceeded = true;
    return NULL;
  }
  void *result = realloc(block, size);
  if (result) state->used = state->used - before + size;
  return result;
}

lua_State *pare_new_state(pare_state *state) {
  lua_State *L = lua_newstate(allocate, state);
  if (!L) return NULL;
  *slot(L) = state;
  state->running = L;
  return L;
}

void pare_collect(lua_State *L) { lua_gc(L, LUA_GCCOLLECT); }

// Hook

static void hook(lua_State *L, lua_Debug *record) {
  pare_state *state = pare_state_of(L);
  if (state->interrupts > 0) {
    // The first request is an error like others, which a script may catch; every further one goes through each pcall.
    if (state->interrupts == 1) {
      state->interrupts = 0;
      pare_arm(L);
    }
    pare_raise(L, pare_reason_interrupt);
  }
  if (state->instruction_limit == 0) {
    pare_arm(L);
    return;
  }
  if (record->event != LUA_HOOKCOUNT) return;
  state->instructions += hook_step;
  if (state->instructions > state->instruction_limit) {
    lua_sethook(L, hook, LUA_MASKCOUNT, 1);
    pare_raise(L, pare_reason_instructions);
  }
}

void pare_arm(lua_State *L) {
  pare_state *state = pare_state_of(L);
  if (state->interrupts > 0)
    lua_sethook(L, hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
  else if (state->instruction_limit)
    lua_sethook(L, hook, LUA_MASKCOUNT, hook_step);
  else
    lua_sethook(L, NULL, 0, 0);
}

void pare_interrupt(pare_state *state) {
  state->presses += 1;
  state->interrupts += state->presses > 1 ? 2 : 1;
  lua_State *L = state->running;
  lua_sethook(L, hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

void pare_interrupt_obeyed(pare_state *state, bool all) {
  if (all) state->presses = 0;
  if (state->interrupts == 0) return;
  if (all || state->interrupts == 1) state->interrupts = 0;
  pare_arm(state->running);
}

// Errors raised here

int pare_raise(lua_State *L, pare_reason reason) {
  pare_state *state = pare_state_of(L);
  bool outer = state->shielded;
  state->shielded = true;
  host.push_error(L, reason);
  state->shielded = outer;
  return lua_error(L);
}

void pare_translate(lua_State *L, int status) {
  pare_state *state = pare_state_of(L);
  if (!state->exceeded || (status != LUA_ERRMEM && status != LUA_ERRERR)) return;
  state->exceeded = false;
  bool outer = state->shielded;
  state->shielded = true;
  lua_settop(L, -2);
  host.push_error(L, pare_reason_memory);
  state->shielded = outer;
}

void pare_check_ceiling(lua_State *L, pare_state *state) {
  if (!state->ceiling) return;
  state->outside = host.outside();
  if (state->used + state->outside <= state->ceiling) return;
  pare_collect(L);
  state->outside = host.outside();
  if (state->used + state->outside > state->ceiling) pare_raise(L, pare_reason_memory);
}

// Userdata and functions

typedef struct {
  uint64_t magic;
  void *object;
  size_t bytes;
} box;

static const uint64_t magic = 0x50617265426f7821;

static box *box_at(lua_State *L, int index) {
  box *found = lua_touserdata(L, index);
  return found && lua_rawlen(L, index) == sizeof(box) && found->magic == magic ? found : NULL;
}

static int finalize(lua_State *L) {
  box *found = box_at(L, 1);
  if (found && found->object) {
    void *object = found->object;
    pare_state *state = pare_state_of(L);
    found->object = NULL;
    state->charged -= found->bytes;
    found->bytes = 0;
    host.release(object);
  }
  return 0;
}

void pare_set_finalizers(lua_State *L) {
  lua_pushcfunction(L, finalize);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, finalize);
  lua_setfield(L, -2, "__close");
}

void pare_push_object(lua_State *L, void *object, int metatable, size_t bytes) {
  box *made = lua_newuserdatauv(L, sizeof(box), 0);
  *made = (box){magic, object, bytes};
  pare_state_of(L)->charged += bytes;
  lua_rawgeti(L, LUA_REGISTRYINDEX, metatable);
  lua_setmetatable(L, -2);
}

void *pare_any_object(lua_State *L, int index) {
  box *found = box_at(L, index);
  return found ? found->object : NULL;
}

void *pare_object(lua_State *L, int index, const void *metatable) {
  box *found = lua_touserdata(L, index);
  if (!found || !lua_getmetatable(L, index)) return NULL;
  bool same = lua_topointer(L, -1) == metatable;
  lua_settop(L, -2);
  return same ? pare_any_object(L, index) : NULL;
}

void pare_recharge(lua_State *L, int index, size_t bytes) {
  box *found = box_at(L, index);
  if (!found || !found->object) return;
  pare_state *state = pare_state_of(L);
  state->charged = state->charged - found->bytes + bytes;
  found->bytes = bytes;
}

/// Collects next when what is alive has doubled, and before garbage takes much of a ceiling. Little garbage is best
/// where a collection is cheap: the next tensor then takes memory that is still in a cache. What a collection costs goes
/// with Lua's own blocks.
static void pace(pare_state *state) {
  size_t growth = state->used * 64;
  if (growth < collect_floor) growth = collect_floor;
  if (growth > collect_ceiling) growth = collect_ceiling;
  if (growth < state->charged) growth = state->charged;
  if (state->ceiling && growth > state->ceiling / 8) growth = state->ceiling / 8;
  state->collect_at = state->charged + growth;
}

static int run(lua_State *L, box *body) {
  if (!body || !body->object) return luaL_error(L, "this function was closed");
  pare_state *state = pare_state_of(L);
  if (state->charged > state->collect_at) {
    // Lua's collector sees handles, not the megabytes behind them.
    pare_collect(L);
    pace(state);
  }
  bool outer = state->shielded;
  state->shielded = true;
  int results = host.call(L, body->object);
  state->shielded = outer;
  if (results < 0) return lua_error(L);
  pare_check_ceiling(L, state);
  return results;
}

static int trampoline(lua_State *L) { return run(L, box_at(L, lua_upvalueindex(1))); }

static const char function_key = 0;

static void push_body(lua_State *L, void *object) {
  box *made = lua_newuserdatauv(L, sizeof(box), 0);
  *made = (box){magic, object, 0};
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &function_key) == LUA_TNIL) {
    lua_settop(L, -2);
    lua_createtable(L, 0, 2);
    pare_set_finalizers(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &function_key);
  }
  lua_setmetatable(L, -2);
}

void pare_push_function(lua_State *L, void *object) {
  push_body(L, object);
  lua_pushcclosure(L, trampoline, 1);
}

static int index_method(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) return 1;
  lua_settop(L, 2);
  return run(L, box_at(L, lua_upvalueindex(1)));
}

void pare_push_index(lua_State *L, void *object) {
  push_body(L, object);
  lua_insert(L, -2);
  lua_pushcclosure(L, index_method, 2);
}

// Protected calls

static int keep_traceback(lua_State *L) {
  luaL_traceback(L, L, NULL, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
  return 1;
}

int pare_call(lua_State *L, int arguments, int results) {
  pare_state *state = pare_state_of(L);
  bool outer = state->shielded;
  lua_State *running = state->running;
  int handler = lua_gettop(L) - arguments;
  lua_pushcfunction(L, keep_traceback);
  lua_insert(L, handler);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
  state->running = L;
  state->shielded = false;
  int status = lua_pcall(L, arguments, results, handler);
  state->shielded = outer;
  state->running = running;
  lua_remove(L, handler);
  if (status != LUA_OK) pare_translate(L, status);
  return status;
}

void pare_push_traceback(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &traceback_key); }

static int do_tostring(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

int pare_tostring(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_pushcfunction(L, do_tostring);
  lua_pushvalue(L, index);
  return pare_call(L, 1, 1);
}

static int do_index(lua_State *L) {
  lua_gettable(L, 1);
  return 1;
}

int pare_index(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_pushcfunction(L, do_index);
  lua_insert(L, -2);
  lua_pushvalue(L, index);
  lua_insert(L, -2);
  return pare_call(L, 2, 1);
}

int pare_load(lua_State *L, const char *text, size_t size, const char *name) {
  int status = luaL_loadbufferx(L, text, size, name, "t");
  if (status != LUA_OK) pare_translate(L, status);
  return status;
}

// Places

int pare_where(lua_State *L, const char **source) {
  lua_Debug record;
  for (int level = 0; lua_getstack(L, level, &record); level++) {
    lua_getinfo(L, "Sl", &record);
    if (record.currentline > 0) {
      *source = record.source;
      return record.currentline;
    }
  }
  return 0;
}

bool pare_caller_is_function(lua_State *L) {
  lua_Debug record;
  if (!lua_getstack(L, 1, &record)) return false;
  lua_getinfo(L, "S", &record);
  return *record.what == 'L';
}

bool pare_function_lines(lua_State *L, int index, const char **source, int *first, int *last) {
  lua_Debug record;
  lua_pushvalue(L, index);
  lua_getinfo(L, ">S", &record);
  if (*record.what == 'C') return false;
  *source = record.source;
  *first = record.linedefined;
  *last = record.lastlinedefined;
  return true;
}

void pare_traceback(lua_State *L) { luaL_traceback(L, L, NULL, 0); }

// Opening

static int open_libraries(lua_State *L) {
  bool sandbox = lua_toboolean(L, 1);
  luaL_openlibs(L);
  lua_getglobal(L, "math");
  lua_getfield(L, -1, "randomseed");
  lua_pushinteger(L, 0);
  lua_call(L, 1, 0);
  lua_settop(L, 0);
  pare_open_errors(L);
  pare_open_coroutines(L);
  pare_open_loaders(L, sandbox);
  return 0;
}

bool pare_open_libraries(lua_State *L, bool sandbox) {
  pace(pare_state_of(L));
  lua_pushcfunction(L, open_libraries);
  lua_pushboolean(L, sandbox);
  return pare_call(L, 1, 0) == LUA_OK;
}
