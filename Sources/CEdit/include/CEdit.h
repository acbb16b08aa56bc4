// libedit as Swift sees it: its native interface, and inline twins of its variadic functions.
#pragma once
#include <stdio.h>
#include <wchar.h>
#include <histedit.h>

typedef char *(*pare_prompt_function)(EditLine *);
typedef int (*pare_read_function)(EditLine *, wchar_t *);
typedef unsigned char (*pare_key_function)(EditLine *, int);

/// On standard input and output: C's globals for them are out of Swift's reach.
static inline EditLine *pare_edit_new(const char *program) { return el_init(program, stdin, stdout, stderr); }
static inline void pare_edit_prompt(EditLine *edit, pare_prompt_function prompt) { el_set(edit, EL_PROMPT, prompt); }
static inline void pare_edit_emacs(EditLine *edit) { el_set(edit, EL_EDITOR, "emacs"); }
static inline void pare_edit_prepare(EditLine *edit) { el_set(edit, EL_PREP_TERM, 1); }
// Swift 6 may not touch `stdout`.
static inline void pare_gather_output(void) {
  static char buffer[1 << 16];  // without one of the caller's, glibc keeps to its own size
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
}
/// Not 0 when something that was printed went nowhere: a full disk, a closed descriptor.
static inline int pare_output_failed(void) { return fflush(stdout) != 0 || ferror(stdout); }
static inline void pare_edit_reader(EditLine *edit, pare_read_function reader) { el_wset(edit, EL_GETCFN, reader); }
static inline void pare_edit_key(EditLine *edit, const char *name, const char *help, const char *key, pare_key_function run) {
  el_set(edit, EL_ADDFN, name, help, run);
  el_set(edit, EL_BIND, key, name, NULL);
}
static inline void pare_edit_bind(EditLine *edit, const char *key, const char *command) {
  el_set(edit, EL_BIND, key, command, NULL);
}
static inline void pare_edit_history(EditLine *edit, History *history_) { el_set(edit, EL_HIST, history, history_); }
static inline void pare_history_size(History *history_, int size) {
  HistEvent event;
  history(history_, &event, H_SETSIZE, size);
  history(history_, &event, H_SETUNIQUE, 1);
}
static inline void pare_history_enter(History *history_, const char *line) {
  HistEvent event;
  history(history_, &event, H_ENTER, line);
}

static const unsigned char pare_edit_normal = CC_NORM;
static const unsigned char pare_edit_refresh = CC_REFRESH;
static const unsigned char pare_edit_redisplay = CC_REDISPLAY;
static const unsigned char pare_edit_error = CC_ERROR;
