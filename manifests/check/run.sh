#!/usr/bin/env bash
# Shows the guard at work: makes a kind without a status subresource and an object of it, replaces the object by one
# without status, as a careless client does, and looks at what is stored. Removes both again, also when it fails.
#
#   manifests/check/run.sh               in the current context; KUBECTL names another kubectl
#
# Needs the right to make CustomResourceDefinitions. Exit code 0: the status is there. 1: it is gone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
kubectl=${KUBECTL:-kubectl}

object() { # EDITED: the object without its status, as a client sends it that knows none
  cat <<YAML
apiVersion: statusguard.io/v1
kind: Check
metadata: {name: status-guard-check, namespace: default}
spec: {edited: $1}
YAML
}

clean_up() { "$kubectl" delete --ignore-not-found --wait=false --filename crd.yaml >/dev/null; }
trap clean_up EXIT

"$kubectl" apply --server-side --filename crd.yaml
"$kubectl" wait --for=condition=Established --timeout=30s crd/checks.statusguard.io
{ object false; echo 'status: {phase: Done, conditions: [{type: Completed, status: "True"}]}'; } |
  "$kubectl" create --filename -
echo "Replacing it without its status:"
object true | "$kubectl" replace --filename -

stored=$("$kubectl" get checks.statusguard.io/status-guard-check --namespace default \
  --output jsonpath='{.spec.edited} {.status.phase} {.status.conditions[0].type}')
if [ "$stored" = "true Done Completed" ]; then
  echo "The edit is stored and the status is there. The guard works."
else
  echo "The status is gone. Nobody guards it: docs/install.md, Troubleshooting." >&2
  exit 1
fi
