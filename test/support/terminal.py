"""Runs a program in a pseudo-terminal: reads {argv, cwd, columns, env, steps: [[expect, send]]} from standard input, types
each answer once its question is on the screen, and prints {code, screen}."""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

job = json.load(sys.stdin)
pid, master = pty.fork()
if pid == 0:
    os.chdir(job["cwd"])
    os.environ["TERM"] = "xterm"
    os.environ.update(job.get("env", {}))
    os.execvp(job["argv"][0], job["argv"])
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, job.get("columns", 80), 0, 0))
screen, seen, steps, deadline = b"", 0, list(job["steps"]), time.time() + 15
while time.time() < deadline:
    while steps and steps[0][0].encode() in screen[seen:]:
        seen = len(screen)
        os.write(master, steps.pop(0)[1].encode())
    if select.select([master], [], [], 0.2)[0]:
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        screen += chunk
if time.time() >= deadline:
    os.kill(pid, signal.SIGKILL)
status = os.waitpid(pid, 0)[1]
code = os.waitstatus_to_exitcode(status)
json.dump({"code": code, "screen": screen.decode(errors="replace").replace("\r\n", "\n"), "left": len(steps)}, sys.stdout)
