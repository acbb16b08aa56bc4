# contract: the prompt, on a pseudo-terminal
export HOME="$PWD" XDG_STATE_HOME="$PWD/state" TERM=xterm NO_COLOR=1
cat > drive.py <<'P'
import os, pty, select, signal, sys, time
pid, fd = pty.fork()
if pid == 0: os.execv(sys.argv[1], [sys.argv[1], "--no-plugins"])
seen = ""
def expect(text, seconds=20):
    global seen
    end = time.time() + seconds
    while text not in seen:
        if time.time() > end: sys.exit("no %r in %r" % (text, seen))
        if select.select([fd], [], [], 0.2)[0]:
            try: seen += os.read(fd, 65536).decode(errors="replace")
            except OSError: break
    if text not in seen: sys.exit("no %r in %r" % (text, seen))
    found, seen = seen[:seen.index(text)], seen[seen.index(text) + len(text):]
    return found
def send(text): os.write(fd, text.encode())
expect("> ")
send("40 + 2\n"); expect("\n42"); expect("> ")              # an expression prints itself
send("_ + 1\n"); expect("\n43"); expect("> ")               # the last result
send("x = 5\n"); expect("> "); send("x * 100;\n"); expect("> "); send("x\n"); expect("\n5"); expect("> ")
send("for i = 1, 2 do\n"); expect(">> "); send("print('line ' .. i)\n"); expect(">> "); send("end\n"); expect("line 2"); expect("> ")
send("for i = 1, 2 do\n"); expect(">> "); send("\tprint('tab ' .. i)\n"); expect(">> "); send("end\n")   # a pasted tab indents
listed = expect("tab 2"); assert "collectgarbage" not in listed, listed
expect("> "); send("local lost = 1\n"); expect("> "); send("lost()\n"); expect("leave out 'local'"); expect("> ")
send("error('oh no')\n"); expect("oh no"); expect("> ")
send("? prune\n"); expect("sparsity"); expect("> ")
send("who()\n"); expect("x"); expect("number"); expect("> ")
send("tens\t"); time.sleep(0.3); send("{1, 2}:sum()\n"); expect("3.0"); expect("> ")
send("prune{crit\t"); time.sleep(0.3); send("\"magn\t"); time.sleep(0.3); send("\", sparsity=0.5}.arguments.criterion\n"); expect("\nmagnitude"); expect("> ")
send("while true do end\n"); time.sleep(0.5); os.kill(pid, signal.SIGINT); expect("interrupted"); expect("> ")
send("half a li"); time.sleep(0.2); send("\x03"); expect("> ")       # Ctrl-C drops the line
send("'b' .. 'c'\n"); expect("\nbc"); expect("> ")
send("\x1b[A"); expect("'b' .. 'c'"); send("\n"); expect("\nbc"); expect("> ")   # history
send("?\n"); expect("Methods of compression"); expect("> ")
for _ in range(2): send("session.save('saved.lua')\n"); expect("> ")
send("\x04")
_, status = os.waitpid(pid, 0)
assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, status
# a session that was killed comes back, with the lines that made it
def begin():
    global pid, fd, seen
    seen = ""
    pid, fd = pty.fork()
    if pid == 0: os.execv(sys.argv[1], [sys.argv[1], "--no-plugins"])
    expect("> ")
begin(); send("net = nn.lenet300()\n"); expect("> "); send("40 + 4\n"); expect("\n44"); time.sleep(0.5); os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
begin(); send("session.restore()\n"); expect('{"net"}'); send("session.save('again.lua')\n"); expect("> "); send("'sa' .. 'ved'\n"); expect("\nsaved"); expect("> "); send("\x04"); os.waitpid(pid, 0)
P
python3 drive.py "$PARE"
grep -q "40 + 2" state/pare/history
# the session as a script runs where there is no prompt
"$PARE" saved.lua > saved.out; grep -qx 43 saved.out; grep -q 'x = 5' saved.lua; if grep -q 'who()' saved.lua; then false; fi
grep -q 'nn.lenet300' again.lua; if grep -q 'session.restore' again.lua; then false; fi
