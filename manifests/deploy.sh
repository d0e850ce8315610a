#!/usr/bin/env bash
# Installs status-guard, or brings an installation up to date, in an order in which no step can lock a cluster out:
# a server that is ready; configurations with failurePolicy Ignore; a look whether the API server kept their
# matchConditions; only then Fail. Run again, it does no harm. Stopped anywhere, it leaves a cluster that works.
#
#   manifests/deploy.sh up OVERLAY       one of manifests/overlays
#   manifests/deploy.sh keeper OVERLAY   the keeper beside it, which from then on looks after the registration
#   manifests/deploy.sh down OVERLAY     the configurations first, then everything else
#
# kubectl and status-guard both use the current context of the kubeconfig. KUBECTL and COMMAND name other programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

namespace=status-guard
service=status-guard
label=app.kubernetes.io/managed-by=status-guard
kinds=mutatingwebhookconfigurations,validatingwebhookconfigurations
kubectl=${KUBECTL:-kubectl}
command=${COMMAND:-.venv/bin/status-guard}

say() { echo "==> $*"; }

apply() { "$kubectl" apply --server-side --field-manager=status-guard-deploy "$@"; }

certificates() { # makes what is missing; once the configurations are there, publishes the CA in them
  case $overlay in
    cert-manager)
      "$kubectl" --namespace "$namespace" wait --for=condition=Ready --timeout=120s certificate/status-guard
      if [ "$1" = publish ]; then
        "$kubectl" annotate --overwrite "$kinds" --selector "$label" \
          "cert-manager.io/inject-ca-from=$namespace/status-guard"
      fi
      ;;
    *)
      "$command" certs ensure --namespace "$namespace" --service "$service" --secret "$service-certs"
      ;;
  esac
}

webhooks_without() { # FIELD: the validating webhooks that do not have it, as the API server stored them
  "$kubectl" get validatingwebhookconfigurations --selector "$label" \
    --output "go-template={{range .items}}{{range .webhooks}}{{if not .$1}}{{.name}} {{end}}{{end}}{{end}}"
}

keeper_of_overlay() { # where its manifests are
  if [ -d "manifests/keeper/$overlay" ]; then echo "manifests/keeper/$overlay"; else echo manifests/keeper/base; fi
}

has_keeper() {
  [ -n "$("$kubectl" --namespace "$namespace" get deployment status-guard-keeper --ignore-not-found --output name)" ]
}

await_bundle() { # cert-manager's injector takes a moment; certs ensure has done it by now
  local left
  for _ in $(seq 60); do
    left=$(webhooks_without clientConfig.caBundle)
    [ -n "$left" ] || return 0
    sleep 1
  done
  echo "No caBundle arrived in: $left. The configurations stay at Ignore. Look at the CA injector's log." >&2
  return 1
}

up() {
  say "The webhook, its certificate and its rules"
  apply --kustomize "manifests/overlays/$overlay"
  certificates prepare
  "$kubectl" --namespace "$namespace" rollout status deployment/status-guard-webhook --timeout=300s

  if has_keeper; then
    keeper
    return
  fi

  say "The registration, failing open"
  "$kubectl" kustomize manifests/registration | sed 's/failurePolicy: Fail$/failurePolicy: Ignore/' | apply --filename -
  certificates publish
  await_bundle

  say "What the API server kept of it"
  dropped=$(webhooks_without matchConditions)
  if [ -n "$dropped" ]; then
    echo "This API server drops matchConditions (before Kubernetes 1.28, or the feature gate is off), so a webhook that is"
    echo "down would stop every write under Fail. Everything stays at Ignore: lost status is put back while the webhook"
    echo "runs, and nothing is refused while it does not. Affected: $dropped"
    return
  fi
  say "matchConditions are there: failing closed for writes that lose status"
  apply --kustomize manifests/registration
  say "Done. See it work: docs/install.md, Verify."
}

keeper() {
  say "The keeper"
  apply --kustomize "$(keeper_of_overlay)"
  "$kubectl" --namespace "$namespace" rollout status deployment/status-guard-keeper --timeout=300s
  say "It keeps the registration; looking what it made of it"
  local open=unknown
  for _ in $(seq 90); do # it looks once a minute
    open=$("$kubectl" get validatingwebhookconfigurations status-guard --ignore-not-found \
      --output 'go-template={{range .webhooks}}{{if ne .failurePolicy "Fail"}}{{.name}} {{end}}{{end}}registered')
    [ "$open" != registered ] || break
    sleep 1
  done
  case $open in
    registered) say "Registered, failing closed for writes that lose status. See it work: docs/install.md, Verify." ;;
    '') echo "There is no registration yet. The keeper's log says why: kubectl -n $namespace logs deploy/status-guard-keeper" >&2 && return 1 ;;
    *) echo "These stay at failurePolicy Ignore: ${open% registered}. The keeper's log says why." ;;
  esac
}

down() {
  if has_keeper; then
    say "The keeper, and its rights: nobody makes the registration again"
    "$kubectl" delete --kustomize "$(keeper_of_overlay)" --ignore-not-found
  fi
  say "The registration: from here on nobody calls the webhook"
  "$kubectl" delete "$kinds" --selector "$label" --ignore-not-found
  say "Everything else, the namespace included"
  "$kubectl" delete --kustomize "manifests/overlays/$overlay" --ignore-not-found
}

action=${1:-} overlay=${2:-}
if ! [ -f "manifests/overlays/$overlay/kustomization.yaml" ] || ! [[ $action =~ ^(up|down|keeper)$ ]]; then
  echo "usage: manifests/deploy.sh up|keeper|down $(cd manifests/overlays && printf '%s|' * | sed 's/|$//')" >&2
  exit 2
fi
"$action"
