#!/bin/sh
# The user whom the service runs as. The timer is not started: systemctl enable --now bulkdelete.timer does that.
set -e
if command -v systemd-sysusers >/dev/null; then
  systemd-sysusers --root="${DPKG_ROOT:-/}" bulkdelete.conf
fi
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
