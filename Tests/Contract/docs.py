#!/usr/bin/env python3
"""Runs the fenced blocks of a page as they are printed: docs.py PARE PAGE.md

  ```lua            run, in the order of the page, in one program with shared globals
  ```pare           a prompt: lines behind "> " are run; a line printed below one is compared where it is there in full
  ```sh             run by bash, with `pare` on the path
  ```swift NAME     written to NAME, for the blocks that load it
"""
import os, re, subprocess, sys

pare, page = sys.argv[1], sys.argv[2]
text = open(page).read()
blocks = re.findall(r"^```(\w+)([^\n]*)\n(.*?)^```$", text, re.M | re.S)
has_swift = subprocess.call("command -v swiftc > /dev/null", shell=True) == 0
driver, count = [], 0
os.makedirs("bin", exist_ok=True)
open("bin/pare", "w").write('#!/bin/sh\nexec "%s" --quiet "$@"\n' % pare)
os.chmod("bin/pare", 0o755)
os.environ["PATH"] = os.getcwd() + "/bin:" + os.environ["PATH"]
driver.append("""
local function block(name, n, text, prompt)
  local f, e = nil, nil
  if prompt then f = load("return " .. text, "=" .. name) end
  if not f then f, e = load(text, "=" .. name) end
  if not f then error(name .. ", block " .. n .. ": " .. e, 0) end
  local results = table.pack(pcall(f))
  if not results[1] then error(name .. ", block " .. n .. ", `" .. text .. "`: " .. tostring(results[2]), 0) end
  if prompt and results.n > 1 then _ = results[2] end
  return table.unpack(results, 2, results.n)
end
""")
for number, (language, argument, body) in enumerate(blocks, 1):
    if language == "sh":
        subprocess.run(["bash", "-euo", "pipefail", "-c", body], check=True, stdout=subprocess.DEVNULL)
    elif language == "swift" and argument.strip():
        open(argument.strip(), "w").write(body)
    elif language == "lua":
        driver.append("block(%r, %d, %s)\n" % (os.path.basename(page), number, "[==========[\n" + body + "]==========]"))
        count += 1
    elif language == "pare":
        lines = body.split("\n")
        for index, line in enumerate(lines):
            if not line.startswith("> "):
                continue
            following = lines[index + 1] if index + 1 < len(lines) else ""
            expected = following if following and not following.startswith(">") and not (index + 2 < len(lines) and lines[index + 2] and not lines[index + 2].startswith(">")) else None
            source = line[2:]
            if source.startswith("?"):
                source = "help %r" % source[1:].strip()
            call = "block(%r, %d, %s, true)" % (os.path.basename(page), number, "[==========[" + source.rstrip(";") + "]==========]")
            if expected is None:
                driver.append(call + "\n")
            else:
                driver.append("do local got = %s; local text = tostring(got); assert(text == %s, %s .. text) end\n" % (
                    call, "[==========[" + expected + "]==========]", "[==========[" + line + " printed ]==========]"))
            count += 1
if count == 0:
    sys.exit(page + " has no block to run")
if any(l == "swift" for l, _, _ in blocks) and not has_swift:
    print("SKIPPED: no swiftc on this machine")
    sys.exit(0)
open("driver.lua", "w").write("".join(driver))
outcome = subprocess.run([pare, "--quiet", "driver.lua"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
if outcome.returncode != 0:
    sys.exit("%s: %s" % (page, outcome.stderr.strip()))
print("%s: %d pieces ran" % (os.path.basename(page), count))
