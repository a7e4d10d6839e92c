#!/bin/sh
# Writes the S3 server's identities: workers read, write and list their bucket, an administrator everything.
set -eu
umask 077
cat >/run/s3/s3.json <<JSON
{"identities": [
  {"name": "admin", "credentials": [{"accessKey": "$S3_ADMIN_ACCESS_KEY", "secretKey": "$S3_ADMIN_SECRET_KEY"}], "actions": ["Admin"]},
  {"name": "worker", "credentials": [{"accessKey": "$S3_ACCESS_KEY", "secretKey": "$S3_SECRET_KEY"}],
   "actions": ["Read:housestyle", "Write:housestyle", "List:housestyle"]}
]}
JSON
