#!/usr/bin/env python3
"""Makes the histories in testdata by driving the real programs at a terminal.

    python3 make.py DIRECTORY

writes them below DIRECTORY, as a home: of the shells, interpreters and clients
here, of the editors and pagers (../../editorhistory/testdata), and of desktops
(../../desktop/testdata). What a program is not installed for is left out.
psql wants a server: PGHOST, PGPORT and PGUSER say which.

The databases in ../../browser/testdata come from Firefox and Chromium without a
screen, at pages of a server of one's own:

    MOZ_HEADLESS=1 firefox-esr --no-remote --profile DIRECTORY URL
    chromium --headless=new --user-data-dir=DIRECTORY URL

ended by SIGTERM, so that Firefox leaves its write-ahead log. The downloads in
Chromium's were added by the sqlite3 program.
"""
import ctypes
import os
import pty
import select
import shutil
import signal
import sys
import time


def drive(argv, keys, env, first=1.5, delay=0.4, end=b"\x04"):
    """Runs a program at a terminal and types keys, a pause after each."""
    if not shutil.which(argv[0]):
        print("not installed:", argv[0])
        return
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, env)

    def drain(seconds):
        until = time.time() + seconds
        while time.time() < until:
            if select.select([fd], [], [], max(0, until - time.time()))[0]:
                try:
                    if not os.read(fd, 65536):
                        return False
                except OSError:
                    return False
        return True

    drain(first)
    for k in keys + [end]:
        try:
            os.write(fd, k if isinstance(k, bytes) else k.encode() + b"\r")
        except OSError:
            break
        drain(delay)
    for _ in range(20):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        drain(0.3)
    os.kill(pid, signal.SIGHUP)
    os.waitpid(pid, 0)


def main(home):
    os.makedirs(home + "/zsh", exist_ok=True)
    env = {"HOME": home, "PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    env.update({k: v for k, v in os.environ.items() if k.startswith("PG")})
    typed = ["echo 'one'", "echo äöü 漢字", "for i in 1 2", "do", "echo $i", "done", "echo 'two", "lines'", "echo back\\\\slash"]
    with open(home + "/.zshrc", "w") as f:
        f.write("HISTFILE=~/.zsh_history HISTSIZE=100 SAVEHIST=100\nsetopt EXTENDED_HISTORY\nunsetopt ZLE\n")
    with open(home + "/zsh/.zshrc", "w") as f:
        f.write("HISTFILE=~/.histfile HISTSIZE=100 SAVEHIST=100\nunsetopt ZLE\n")
    drive(["bash", "--norc", "-i"], typed, env | {"HISTFILE": home + "/.bash_history", "HISTTIMEFORMAT": "%F %T "})
    drive(["zsh", "-i"], typed + ["sleep 1"], env)
    drive(["zsh", "-i"], typed[:6] + ["echo trail \\\\"], env | {"ZDOTDIR": home + "/zsh"})
    drive(["fish", "-i"], typed[:2] + ["ls /etc/passwd /nonexist", "for i in 1 2", "echo $i", "end", typed[-1]] + typed[6:8], env, first=3, delay=1)
    drive(["ksh93", "-i"], typed, env | {"HISTFILE": home + "/.sh_history"})
    drive(["mksh", "-i"], typed, env | {"HISTFILE": home + "/.mksh_history"})
    drive(["tcsh", "-f"], ["set history=100", "echo one", "echo äöü", "foreach i (1 2)", "echo $i", "end", typed[-1], "history -S ~/.history"], env, end=b"exit\r")
    drive(["/usr/bin/python3"], ["import os", "def f():", "    return 1", "", "print('äöü')"], env)
    drive(["node"], ["1+1", "const a = `x", "y`", "'äöü'"], env)
    drive(["psql", "postgres"], ["select 1;", "select 'two", "lines', 'äö';", "\\dt", "create role bob password 'pw';", "\\! id"], env | {"PAGER": "cat"})
    drive(["gdb", "-q"], ["set history filename " + home + "/.gdb_history", "set history save on", "print 1", "help x", "q"], env, first=3)
    try:
        edit = ctypes.CDLL("libedit.so.2")
        edit.using_history()
        for line in ["select 1;", "select 'two\nlines', \"tab\there\" ;", "create user 'x'@'%' identified by 'secretpw';", "select 'äöü back\\slash';", "exit"]:
            edit.add_history(line.encode())
        edit.write_history(home.encode() + b"/.mysql_history")
    except OSError:
        print("not installed: libedit")

    text = home + "/f.txt"
    with open(text, "w") as f:
        f.write("".join("line %d foo bar\n" % i for i in range(300)))
    edits = [b":set nu\r", b":!echo hello\r", b"\r", b"/foo\r", b"?bar\r", b"ma", b"20G", b"mB", b":s/line/LINE/\r", b"yy", b'"qyw', b":e! " + home.encode() + b"/zsh/.zshrc\r",
             b":echo input('Say: ')\r", b"answer\r", b"i\x12=1+2\r\x1b", b":e! /etc/hosts\r", "echo 'x\x16\x0ay'\r".encode(), b":let G='v'\r"]
    drive(["vim", "-N", "-u", "NONE", "-i", home + "/.viminfo", "--cmd", "set viminfo='100,<50,s10,h,!", text], edits, env, end=b":qa!\r")
    drive(["nvim", "-u", "NONE", text], edits[:4] + [b"ma", b"20G", b"mB", b"yy", edits[11], b":e! /etc/hosts\r"], env, end=b":qa!\r")
    drive(["less", "--save-marks", text], [b"/foo\r", b"ma", b"50j", b"mb", b"/bar x\r", b"!echo hi\r", b"\r", b"mc", "/ä\r".encode()], env | {"LESSHISTFILE": home + "/.lesshst"}, end=b"q")
    with open(home + "/nanorc", "w") as f:
        f.write("set historylog\nset positionlog\n")
    # nano asks the password database for root's home, whatever HOME says.
    drive(["nano", "--rcfile", home + "/nanorc", text], [b"\x17", b"foo\r", b"\x17", "äb c\r".encode(), b"\x1c", b"bar\r", b"baz\r", b"n", b"\x03"], env, end=b"\x18")

    with open(home + "/a file ä%.txt", "w") as f:
        f.write("x\n")
    drive(["gio", "trash", home + "/a file ä%.txt"], [], env | {"XDG_DATA_HOME": home + "/.local/share"})
    try:
        glib = ctypes.CDLL("libglib-2.0.so.0")
        glib.g_bookmark_file_new.restype = ctypes.c_void_p
        list_ = ctypes.c_void_p(glib.g_bookmark_file_new())
        for uri, mime, when, apps in [
            (b"file:///home/u/Dokumente/a%20b%20%C3%A4.txt", b"text/plain", 1700000000, [(b"gedit", b"gedit %u"), (b"gedit", b"gedit %u"), (b"Text & Co", b"tc %f")]),
            (b"sftp://bob:secretpw@192.0.2.7/srv/x%26y.sh", b"application/x-shellscript", 1700000060, [(b"nautilus", b"nautilus %u")]),
        ]:
            glib.g_bookmark_file_set_mime_type(list_, uri, mime)
            for name, command in apps:
                glib.g_bookmark_file_add_application(list_, uri, name, command)
            glib.g_bookmark_file_set_visited(list_, uri, ctypes.c_long(when))
        glib.g_bookmark_file_to_file(list_, home.encode() + b"/recently-used.xbel", None)
    except OSError:
        print("not installed: GLib")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(os.path.abspath(sys.argv[1]))
