# What the parts of cli_test.sh share: counting, running the program, comparing its logits.

passed=0
failed=0
work=$(mktemp -d "${TMPDIR:-/tmp}/dualpath-cli.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
in=$work/in
out=$work/out
err=$work/err

ok() {
    passed=$((passed + 1))
    echo "ok $1"
}

# holds NAME COMMAND...: whether a command succeeds.
holds() {
    name=$1
    shift
    if "$@"; then
        ok "$name"
    else
        not_ok "$name" "it does not hold"
    fi
}

not_ok() {
    failed=$((failed + 1))
    echo "not ok $1: $2"
    sed 's/^/    stderr: /' "$err" 2>/dev/null | head -n 5
}

skip() {
    echo "ok $1 # skipped: $2"
}

# run ARGUMENT...: fills $out, $err and $status. Standard input is what the caller gives.
run() {
    "$DUALPATH" "$@" >"$out" 2>"$err"
    status=$?
}

# fails STATUS SENTENCE ARGUMENT...: exit status, one line on stderr that has the sentence, nothing
# on stdout.
fails() {
    wanted=$1
    sentence=$2
    shift 2
    run "$@" </dev/null
    name="refuses: $(echo "$*" | sed "s|$work/||g; s|$GOLDEN/||g" | cut -c 1-90)"
    if [ "$status" -ne "$wanted" ]; then
        not_ok "$name" "status $status, not $wanted"
    elif ! grep -q -e "^dualpath: .*$sentence" "$err"; then
        not_ok "$name" "the message lacks '$sentence'"
    elif [ "$(wc -l <"$err")" -ne 1 ]; then
        not_ok "$name" "more than one line on stderr"
    elif [ -s "$out" ]; then
        not_ok "$name" "something on stdout"
    else
        ok "$name"
    fi
}

# without_ffmpeg SENTENCE INPUT: it is not classified where PATH has no ffmpeg.
without_ffmpeg() {
    program=$(absolute "$DUALPATH")
    env PATH="$work/no-programs" "$program" classify "$MODEL" "$2" >"$out" 2>"$err"
    status=$?
    if [ "$status" -eq 1 ] && grep -q "^dualpath: .*$1" "$err" && [ ! -s "$out" ]; then
        ok "without ffmpeg: $1"
    else
        not_ok "without ffmpeg: $1" "status $status, or another message"
    fi
}

# prints NAME PATTERN ARGUMENT...: status 0, the pattern on stdout, nothing on stderr.
prints() {
    name=$1
    pattern=$2
    shift 2
    run "$@" </dev/null
    if [ "$status" -ne 0 ]; then
        not_ok "$name" "status $status"
    elif ! grep -q -e "$pattern" "$out"; then
        not_ok "$name" "stdout lacks '$pattern'"
    elif [ -s "$err" ]; then
        not_ok "$name" "something on stderr"
    else
        ok "$name"
    fi
}

# logits FILE ARGUMENT...: classifies standard input or a path; the logits go to FILE, one a line.
logits() {
    file=$1
    shift
    run classify "$MODEL" --json "$@"
    sed 's/.*"logits": \[\([^]]*\)\].*/\1/' "$out" | tr -d ' ' | tr ',' '\n' >"$file"
    [ "$status" -eq 0 ] && [ "$(wc -l <"$file")" -eq "$classes" ]
}

# same NAME REFERENCE ARGUMENT...: the same logits, digit for digit.
same() {
    name=$1
    reference=$2
    shift 2
    if ! logits "$work/logits" "$@"; then
        not_ok "$name" "status $status"
    elif ! cmp -s "$reference" "$work/logits"; then
        not_ok "$name" "other logits"
    else
        ok "$name"
    fi
}

# near NAME TOLERANCE REFERENCE ARGUMENT...: within a part of the largest logit.
near() {
    name=$1
    tolerance=$2
    reference=$3
    shift 3
    if ! logits "$work/logits" "$@"; then
        not_ok "$name" "status $status"
        return
    fi
    difference=$(largest_difference "$reference" "$work/logits")
    if awk "BEGIN { exit !($difference <= $tolerance) }"; then
        ok "$name"
    else
        not_ok "$name" "logits differ by $difference"
    fi
}

# The largest difference of two lists of numbers, as a part of the largest number.
largest_difference() {
    paste "$1" "$2" | awk '
        function abs(x) { return x < 0 ? -x : x }
        abs($1 - $2) > most { most = abs($1 - $2) }
        abs($1) > scale { scale = abs($1) }
        END { print (scale > 0 ? most / scale : 1) }'
}

# differs NAME A B: the test inputs are good only if different pictures give different answers.
differs() {
    if cmp -s "$2" "$3"; then
        not_ok "$1" "the same logits"
    else
        ok "$1"
    fi
}

# npy_file VERSION HEADER BYTES: a NumPy file on stdout. The header is shorter than 256 bytes.
npy_file() {
    printf '\223NUMPY'
    printf "\\$(printf %03o "$1")\\000\\$(printf %03o "${#2}")\\000%s" "$2"
    head -c "$3" /dev/zero
}

absolute() {
    case $1 in
    /*) echo "$1" ;;
    *) echo "$PWD/$1" ;;
    esac
}

prepare() {
    mkdir "$in" && "$MAKE_INPUTS" "$in" || exit 1
    for needed in "$MODEL" "$FEATURES"; do
        if [ ! -f "$needed" ]; then
            echo "not ok $needed is missing"
            exit 1
        fi
    done
    classes=$("$DUALPATH" info "$MODEL" | awk '$1 == "classes" { print $2 }')
}
