#!/bin/sh
# Every GEMM of a list is one that a machine runs: gemms.sh "PRECISION NAME, ..." COMMAND..., where
# the command runs test_gemm_choice there.
set -eu

list=$1
shift
printed=", $("$@" | sed -n 's/^products: //p'),"
IFS=,
for gemm in $list; do
    case $printed in
    *", ${gemm# },"*) ;;
    *)
        echo "machines: ${gemm# } is not among ${printed#, }" >&2
        exit 1
        ;;
    esac
done
