# Debian's scheduler and two of its daemons in network and mount namespaces of their own:
#   cluster.sh DIR SOURCE (COMPILER ARCHIVE)...
# Compiles SOURCE once with each compiler on the remote daemon, and prints
# `NAME remote|local same|different`, one line for each.
set -u
dir=$1 source=$2
shift 2
ip link set lo up
export ICECC_TESTS=1 ICECC_TEST_REMOTEBUILD=1 ICECC_CARET_WORKAROUND=0 ICECC_DEBUG=debug
icecc-scheduler -n floetest -vvv -l "$dir/scheduler.log" & pids=$!
trap 'kill $pids 2>/dev/null; wait' EXIT
start() { # NAME PORT SLOTS
    mkdir -p "$dir/$1" && chown icecc "$dir/$1"
    ICECC_TEST_SOCKET=$dir/$1.socket iceccd -n floetest -s 127.0.0.1 -N "$1" -p "$2" -m "$3" \
        -b "$dir/$1" -vvv -l "$dir/$1.log" &
    pids="$pids $!"
}
start submitter 10247 0
start executor 10246 2
tries=0
until grep -q 'login submitter' "$dir/scheduler.log" && grep -q 'login executor' "$dir/scheduler.log"; do
    tries=$((tries + 1))
    [ $tries -gt 400 ] && { echo "the daemons did not log in" >&2; exit 1; }
    sleep 0.1
done
export ICECC_TEST_SOCKET=$dir/submitter.socket ICECC_PREFERRED_HOST=executor
cd "$dir" || exit 1
while [ $# -gt 0 ]; do
    compiler=$1 archive=$2
    shift 2
    ICECC_VERSION=$archive icecc "$compiler" -O2 -c "$source" -o there.o 2>client.log || cat client.log >&2
    "$compiler" -O2 -c "$source" -o here.o
    where=local
    grep -q 'Have to use host' client.log && ! grep -q 'local build forced\|building myself' client.log && where=remote
    same=different
    cmp -s here.o there.o && same=same
    echo "$compiler $where $same"
    rm -f here.o there.o
done
