module mlflow-stack/toolchain/traefik-crds

go 1.26

require github.com/traefik/traefik/v3 v3.7.13
