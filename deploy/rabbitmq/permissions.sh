#!/usr/bin/env bash
# Users of the broker with no more rights than they need; may be run again at any time.
#   worker     declares, publishes and consumes what is housestyle's, nothing else
#   submitter  publishes campaigns and listens to events; cannot take a job, a campaign or a dead letter, nor tell an event.
#              (It could also name a lane's queue as where a message goes; workers trust no message more than a campaign.)
#   watcher    reads figures (KEDA, dashboards); no message
# In: NODE (default: this machine's), VHOST, WORKER_PASSWORD, SUBMITTER_PASSWORD, WATCHER_PASSWORD.
set -euo pipefail
vhost=${VHOST:-housestyle}
ctl=(rabbitmqctl --quiet ${NODE:+--node "$NODE"})

# The password goes through standard input: arguments can be read by every process of the machine.
user() {
  local name=$1 password=$2
  if "${ctl[@]}" list_users --no-table-headers | cut -f1 | grep -qx "$name"; then
    printf '%s\n' "$password" | "${ctl[@]}" change_password "$name" >/dev/null
  else
    printf '%s\n' "$password" | "${ctl[@]}" add_user "$name" >/dev/null
  fi
}

"${ctl[@]}" list_vhosts --no-table-headers | grep -qx "$vhost" || "${ctl[@]}" add_vhost "$vhost"

# Publishing to a queue by its name goes through the default exchange, which permissions call amq.default.
user housestyle-worker "$WORKER_PASSWORD"
"${ctl[@]}" set_permissions -p "$vhost" housestyle-worker '^housestyle\.' '^(housestyle\..*|amq\.default)$' '^housestyle\.'

# Its own queue of events has a name made by the broker (amq.gen-…).
user housestyle-submitter "$SUBMITTER_PASSWORD"
"${ctl[@]}" set_permissions -p "$vhost" housestyle-submitter '^amq\.gen-' '^(housestyle\.direct|amq\.gen-.*)$' '^(housestyle\.events|amq\.gen-.*)$'

user housestyle-watcher "$WATCHER_PASSWORD"
"${ctl[@]}" set_user_tags housestyle-watcher monitoring
"${ctl[@]}" set_permissions -p "$vhost" housestyle-watcher '^$' '^$' '^$'
