#!/bin/sh
# Start a Docker daemon of our own, without systemd and without touching the machine's packet filter; needs root.
#   tests/containers/start_dockerd.sh /tmp/bellwether-docker      start; prints the DOCKER_HOST to export
#   tests/containers/start_dockerd.sh /tmp/bellwether-docker stop  stop it and remove the folder
# Its images and containers live in the folder given. Containers reach the host, but not the internet.
set -eu
folder=${1:?usage: start_dockerd.sh FOLDER [stop]}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
pidfile=$folder/dockerd.pid

if [ "${2:-start}" = stop ]; then
    if [ -f "$pidfile" ]; then
        pid=$(cat "$pidfile")
        kill "$pid"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    fi
    rm -rf "$folder"
    exit 0
fi

setsid dockerd --host "unix://$folder/docker.sock" --data-root "$folder/data" --exec-root "$folder/exec" \
    --pidfile "$pidfile" --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
    >"$folder/dockerd.log" 2>&1 </dev/null &

for _ in $(seq 100); do
    if DOCKER_HOST=unix://$folder/docker.sock docker version >/dev/null 2>&1; then
        echo "export DOCKER_HOST=unix://$folder/docker.sock"
        exit 0
    fi
    sleep 0.2
done
echo "dockerd did not start:" >&2
tail -n 20 "$folder/dockerd.log" >&2
exit 1
