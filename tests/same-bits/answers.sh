#!/bin/sh
# Builds of the library answer with the same bits, with each of some levels of DUALPATH_CPU:
# answers.sh "LEVELS" COMMAND COMMAND..., where each command runs `answers` of a build, and its last
# word is the program. What it prints stays beside the program. Ends with the kernels that computed.
set -eu

levels=$1
first=$2
shift

beside() { # where the answers of a command with a level are
    echo "${1##* }.$2.txt"
}

for level in $levels; do
    for command in "$@"; do
        # shellcheck disable=SC2086
        DUALPATH_CPU=$level $command tests/golden/*.gguf tests/golden/family/*.gguf >"$(beside "$command" "$level")"
        cmp "$(beside "$first" "$level")" "$(beside "$command" "$level")"
    done
done
kernels=$(for level in $levels; do sed -n 's/^tests.* //p' "$(beside "$first" "$level")"; done | LC_ALL=C sort -u | tr '\n' ' ')
echo "the same answers with: ${kernels% }"
