#!/usr/bin/env bash
# Puts Debian's RabbitMQ on this machine where it is missing, for the tests' own private broker; starts no service.
set -euo pipefail
ls /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server >/dev/null 2>&1 && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "no RabbitMQ here: install the package rabbitmq-server (Debian, Ubuntu), as root" >&2
  exit 4
fi
# The package starts a broker of the system's own unless a policy says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install -y --no-install-recommends rabbitmq-server >/dev/null 2>&1 || {
  apt-get update >/dev/null
  apt-get install -y --no-install-recommends rabbitmq-server >/dev/null
}
echo "RabbitMQ is installed" >&2
