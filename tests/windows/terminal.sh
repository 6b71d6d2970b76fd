# The program on a console, and Ctrl-C. Wine makes a console of a terminal: tests/windows/terminal.py.

# terminal CONDITION ARGUMENT...: what the terminal shows is in $out.
terminal() {
    condition=$1
    shift
    TERM=xterm python3 tests/windows/terminal.py "$condition" "$@" >"$out" 2>"$err"
    status=$?
}

# on_console CONDITION ARGUMENT...: dualpath on a console.
on_console() {
    condition=$1
    shift
    terminal "$condition" "$CONSOLE" "$DUALPATH_EXE" "$@"
}

shows() {
    grep -qF -- "$1" "$out"
}

test_terminal_of_windows() {
    folder="$work/Ö 模"
    mkdir "$folder"
    on_console never info "$folder/nichts.gguf"
    holds "umlauts on the screen" eval '[ "$status" -eq 1 ] && shows "Ö 模/nichts.gguf: cannot open"'
    on_console never classify "$MODEL" "$in/rgb.npy"
    holds "bars on a console" eval '[ "$status" -eq 0 ] && shows " %  ###"'
    on_console never bench "$MODEL" --runs 6
    holds "a progress bar on a console" eval '[ "$status" -eq 0 ] && shows "[####"'
    on_console never bench "$MODEL" --runs 6 --quiet
    holds "none with --quiet" eval '[ "$status" -eq 0 ] && ! shows "[####"'
    on_console never watch "$MODEL" "$work/long.y4m" --rate 1
    holds "a status line on a console" eval '[ "$status" -eq 0 ] && shows " windows, "'
    run classify "$MODEL" "$in/rgb.npy"
    holds "no bars in a file" eval '[ "$status" -eq 0 ] && ! shows "#"'
}

# stops NAME CONDITION ARGUMENT...: Ctrl-C ends it, and it says nothing.
stops() {
    name=$1
    shift
    on_console "$@"
    holds "Ctrl-C $name" eval '[ "$status" -eq 130 ] && ! shows dualpath:'
}

test_interrupts_of_windows() {
    stops "between clips" 'text:[#' bench "$MODEL" --runs 1000
    stops "within a clip" 'text:[#' classify "$MODEL" "$in/rgb.npy" --views 256 --crops 64 --cpu c --unfused --threads 1
    stops "while it waits for frames" text:reading classify "$MODEL" '\\.\pipe\silent'
    for command in info verify; do
        stops "while a model is read: $command" text:reading $command '\\.\pipe\silent'
    done
    stops "while a model is read: compile" text:reading compile '\\.\pipe\silent' -o "$work/never"
    holds "nothing is left of it" eval '[ -z "$(find "$work" -name "never*")" ]'
    test_watch_interrupted
}

# The input stays open; all windows but the last are there.
test_watch_interrupted() {
    : >"$work/live"
    { wait_for_lines 6 "$work/live" && echo now >"$work/seen"; } &
    terminal "file:$work/seen" sh -c 'live=$1 && shift && exec "$@" >"$live"' sh "$work/live" "$CONSOLE" \
        --input "$work/100.y4m" "$DUALPATH_EXE" watch "$MODEL" - --json --rate 1 --hop 16 --csv "$work/live.csv"
    wait
    holds "Ctrl-C while it watches" eval '[ "$status" -eq 130 ] && ! shows dualpath:'
    head -n 6 "$work/hundred" >"$work/expected"
    holds "the windows before it are there" cmp -s "$work/expected" "$work/live"
    holds "so is their table" [ "$(wc -l <"$work/live.csv")" -eq 19 ]
}
