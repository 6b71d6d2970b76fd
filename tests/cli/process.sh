# The program among others: pipes that close, Ctrl-C, the progress bar on a terminal.

# Reports how a command that may hang ended: at most 60 seconds are given to it.
bounded() {
    timeout 60 "$@"
}

test_pipes() {
    if ! command -v timeout >/dev/null; then
        skip "pipes that close" "no timeout"
        return
    fi
    { bounded "$DUALPATH" info "$MODEL"; echo $? >"$work/rc"; } 2>"$err" | :
    case $(cat "$work/rc") in
    0 | 1 | 141) ok "a reader that goes away early" ;;
    *) not_ok "a reader that goes away early" "status $(cat "$work/rc")" ;;
    esac
    yes | bounded "$DUALPATH" classify "$work/nothing.gguf" - >"$out" 2>"$err"
    [ $? -eq 1 ] && ok "a bad model does not wait for the pipe" ||
        not_ok "a bad model does not wait for the pipe" "another status"
    { echo 'YUV4MPEG2 W16 H16'; yes FRAME; } 2>/dev/null |
        bounded "$DUALPATH" classify "$MODEL" - --max-memory 1M >"$out" 2>"$err"
    if [ $? -eq 1 ] && grep -q 'that --max-memory allows' "$err"; then
        ok "a stream without an end"
    else
        not_ok "a stream without an end" "another status or message"
    fi
    if [ -w /dev/full ]; then
        "$DUALPATH" info "$MODEL" >/dev/full 2>"$err"
        [ $? -eq 1 ] && grep -q 'standard output: cannot write' "$err" && ok "a full disk" ||
            not_ok "a full disk" "another status or message"
    else
        skip "a full disk" "no /dev/full"
    fi
}

# Sends an interrupt to ourselves after a while; a shell would have its children ignore it.
test_interrupt() {
    if ! timeout --preserve-status 9 true 2>/dev/null; then
        skip "Ctrl-C" "no timeout --preserve-status"
        return
    fi
    timeout --preserve-status -s INT 1 "$DUALPATH" bench "$MODEL" --runs 1000 >"$out" 2>"$err"
    status=$?
    [ $status -eq 130 ] && [ ! -s "$out" ] && [ ! -s "$err" ] && ok "Ctrl-C between clips" ||
        not_ok "Ctrl-C between clips" "status $status"
    timeout --preserve-status -s INT 1 "$DUALPATH" classify "$MODEL" "$in/rgb.npy" \
        --views 256 --crops 64 --cpu c --unfused --threads 1 >"$out" 2>"$err"
    status=$?
    [ $status -eq 130 ] && [ ! -s "$out" ] && [ ! -s "$err" ] && ok "Ctrl-C within a clip" ||
        not_ok "Ctrl-C within a clip" "status $status"
    { sleep 3 | timeout --preserve-status -s INT 1 "$DUALPATH" classify "$MODEL" -; echo $? >"$work/rc"; } \
        >"$out" 2>"$err"
    status=$(cat "$work/rc")
    [ "$status" -eq 130 ] && [ ! -s "$out" ] && [ ! -s "$err" ] && ok "Ctrl-C while it waits" ||
        not_ok "Ctrl-C while it waits" "status $status"
    for command in info verify compile classify; do
        test_interrupt_of $command
    done
}

# While a model comes through a pipe, slowly.
test_interrupt_of() {
    rm -f "$work/slow"
    mkfifo "$work/slow"
    { head -c 4000 "$MODEL"; sleep 3; } >"$work/slow" 2>/dev/null &
    case $1 in
    compile) set -- compile "$work/slow" -o "$work/never" ;;
    classify) set -- classify "$work/slow" "$in/rgb.npy" ;;
    *) set -- "$1" "$work/slow" ;;
    esac
    timeout --preserve-status -s INT 1 "$DUALPATH" "$@" >"$out" 2>"$err"
    status=$?
    wait
    [ $status -eq 130 ] && [ ! -s "$out" ] && [ ! -s "$err" ] && [ ! -e "$work/never" ] &&
        ok "Ctrl-C while a model is read: $1" ||
        not_ok "Ctrl-C while a model is read: $1" "status $status"
}

# A program of Python that runs another one with a terminal as standard error: status 0 if a bar was
# drawn, 3 if nothing was, 4 if something else was.
terminal_program() {
    cat >"$work/terminal.py" <<'END'
import os, pty, sys
ours, theirs = pty.openpty()
if os.fork() == 0:
    os.close(ours)
    os.dup2(theirs, 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(sys.argv[1], sys.argv[1:])
os.close(theirs)
seen = b""
try:
    while True:
        block = os.read(ours, 4096)
        if not block:
            break
        seen += block
except OSError:
    pass
sys.exit(0 if b"[#" in seen else 3 if not seen else 4)
END
}

# A terminal gets a bar when work lasts; --quiet takes it away.
test_progress() {
    if ! python3 -c 'import pty; pty.openpty()' 2>/dev/null; then
        skip "the progress bar" "no python3, or no terminals to be had"
        return
    fi
    terminal_program
    python3 "$work/terminal.py" "$DUALPATH" bench "$MODEL" --runs 6 2>"$err"
    [ $? -eq 0 ] && ok "a progress bar on a terminal" || not_ok "a progress bar on a terminal" none
    python3 "$work/terminal.py" "$DUALPATH" bench "$MODEL" --runs 6 --quiet 2>"$err"
    [ $? -eq 3 ] && ok "none with --quiet" || not_ok "none with --quiet" "something was drawn"
}
