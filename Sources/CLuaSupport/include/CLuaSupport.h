// What must be C between Lua and Swift. Lua raises errors by longjmp, which must never cross a Swift frame:
// a Swift body returns a status to a trampoline here, and the trampoline raises once the Swift frame is gone.
#pragma once
#include <CLua.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Why Pare itself raises an error inside running Lua code.
typedef enum { pare_reason_interrupt = 1, pare_reason_instructions = 2, pare_reason_memory = 3 } pare_reason;

/// What the Swift side answers. Set once, before the first state is made.
typedef struct {
  /// Runs the Swift body behind `object`; returns its count of results, or -1 with the error value on top.
  int (*call)(lua_State *L, void *object);
  /// Gives up one reference to a Swift object.
  void (*release)(void *object);
  /// Pushes the error object for a reason.
  void (*push_error)(lua_State *L, pare_reason reason);
  /// Bytes that objects outside Lua hold; asked only where a ceiling is set.
  size_t (*outside)(void);
} pare_host;

/// One per Lua state; also the allocator's user data.
typedef struct {
  size_t used;              ///< Bytes in Lua's own blocks.
  size_t ceiling;           ///< Highest `used + outside`; 0 for none.
  size_t outside;           ///< Bytes outside Lua at the last look; kept only where a ceiling is set.
  size_t charged;           ///< Bytes behind the live userdata.
  size_t collect_at;        ///< `charged` at which the next trampoline collects.
  bool shielded;            ///< A Swift frame is on top: allocation must not fail, the ceiling is checked afterwards.
  bool exceeded;            ///< An allocation was refused since the last limit error.
  uint64_t instructions;    ///< Executed so far, in steps of the hook; kept only where a limit is set.
  uint64_t instruction_limit;  ///< 0 for none.
  lua_State *running;       ///< The coroutine that runs now.
  volatile sig_atomic_t interrupts;  ///< Requests not yet obeyed.
  volatile sig_atomic_t presses;     ///< Requests since the last end of all of them.
  void *owner;              ///< The Swift object of the state.
} pare_state;

void pare_set_host(pare_host host);
/// Makes a state with `state` as its allocator's user data; NULL without memory.
lua_State *pare_new_state(pare_state *state);
/// The record of any coroutine of a state.
pare_state *pare_state_of(lua_State *L);
/// Opens the standard libraries with text-only loading, interruptible coroutines and a fixed random seed.
/// Returns false, with the reason on top, where memory is missing.
bool pare_open_libraries(lua_State *L, bool sandbox);
/// Applies the limits' hook to the running coroutine; call it after `instruction_limit` was set.
void pare_arm(lua_State *L);

/// Asks running Lua code to stop. Async-signal-safe.
void pare_interrupt(pare_state *state);
/// Takes back a request that Swift code has obeyed.
void pare_interrupt_obeyed(pare_state *state, bool all);

/// Pushes a userdata that owns one reference to `object`; the metatable is found by its reference in the registry.
void pare_push_object(lua_State *L, void *object, int metatable, size_t bytes);
/// The object of the userdata at `index` if it has that metatable, else NULL.
void *pare_object(lua_State *L, int index, const void *metatable);
/// The object of any userdata made here, else NULL.
void *pare_any_object(lua_State *L, int index);
/// Changes what the userdata at `index` is charged for.
void pare_recharge(lua_State *L, int index, size_t bytes);
/// Pushes a Lua function that runs the Swift body behind `object`, whose reference it owns.
void pare_push_function(lua_State *L, void *object);
/// Pushes an `__index` that looks in a table of methods (on top, popped) and then asks the Swift body behind `object`.
void pare_push_index(lua_State *L, void *object);
/// Sets `__gc` and `__close` of the metatable on top.
void pare_set_finalizers(lua_State *L);

/// Calls the function below its `arguments` in protected mode. The error value arrives unchanged; its traceback is kept.
int pare_call(lua_State *L, int arguments, int results);
/// Pushes the traceback of the last failed `pare_call`, or nil.
void pare_push_traceback(lua_State *L);
/// Pushes the value's string as `tostring` gives it; returns a status like `pare_call`.
int pare_tostring(lua_State *L, int index);
/// Pushes `value[key]` (key on top, popped), metamethods included; returns a status like `pare_call`.
int pare_index(lua_State *L, int index);
/// Loads text (never bytecode); returns Lua's status with the function or the message on top.
int pare_load(lua_State *L, const char *text, size_t size, const char *name);
/// Script and line of the innermost Lua function, 0 if there is none. `source` borrows from the running function.
int pare_where(lua_State *L, const char **source);
/// Whether the Lua code that called the running C function stands inside a function, and not in a chunk's own lines.
bool pare_caller_is_function(lua_State *L);
/// First and last line and source of the Lua function at `index`; false for a C function.
bool pare_function_lines(lua_State *L, int index, const char **source, int *first, int *last);
/// Pushes the traceback of the running coroutine.
void pare_traceback(lua_State *L);
/// Gives the table on top the metatable of errors: its text is the field `text`, strings' methods work on it.
void pare_mark_error(lua_State *L);
/// Whether the value at `index` is a table with the metatable of errors.
bool pare_is_error(lua_State *L, int index);
void pare_collect(lua_State *L);
