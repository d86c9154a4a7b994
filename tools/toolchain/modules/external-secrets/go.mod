module mlflow-stack/toolchain/external-secrets

go 1.26

require github.com/external-secrets/external-secrets v0.16.2
