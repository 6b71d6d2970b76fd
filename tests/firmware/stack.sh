#!/bin/sh
# stack.sh FOLDER: what gcc's -fstack-usage says of the library that was built there. No function's
# frame may depend on what it is given, and none may be large, but of those that boards with
# compiled models do not call. How deep calls go, the boards' painted stacks tell (check.sh).
set -eu
limit=1024
canonical='^(dp_model_write|build_weights|dp_build_fused_block)$' # writes or reads other models

find "$1/lib" -name '*.su' -exec cat {} + | awk -F '\t' -v limit="$limit" -v canonical="$canonical" -v folder="$1" '
    function complain(what) {
        print $1 ": " what >"/dev/stderr"
        failed = 1
    }
    {
        count++
        name = $1
        sub(/.*:/, "", name)
        if ($3 != "static") complain("a frame that is " $3)
    }
    name ~ canonical { next }
    $2 > limit { complain("a frame of " $2 " bytes, more than " limit) }
    $2 > most { most = $2; largest = name }
    END {
        if (!count) complain("nothing is known of " folder)
        print folder ": frames of the stack have at most " most " bytes, that of " largest "()"
        exit failed
    }'
