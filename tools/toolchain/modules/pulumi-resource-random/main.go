// The provider of @pulumi/random: HashiCorp's provider behind Pulumi's bridge, with the token names of the original.
package main

import (
	"context"
	"fmt"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	"github.com/terraform-providers/terraform-provider-random/shim"
)

// Set by the linker.
var version string

func main() {
	info := tfbridge.ProviderInfo{
		P:                           pf.ShimProvider(shim.New()),
		Name:                        "random",
		Version:                     version,
		MetadataInfo:                tfbridge.NewProviderMetadata([]byte("{}")),
		EnableAccurateBridgePreview: true,
		EnableRawStateDelta:         true,
	}
	standard := tokens.MakeStandard(info.Name)
	info.MustComputeTokens(tokens.SingleModule("random_", "index", func(module, name string) (string, error) {
		return standard(module, "Random"+name)
	}))
	// The engine asks for no more of the schema than this, since the SDK is a package of its own.
	schema := fmt.Sprintf(`{"name":%q,"version":%q}`, info.Name, info.Version)
	pf.Main(context.Background(), info.Name, info, pf.ProviderMetadata{
		PackageSchema:  []byte(schema),
		BridgeMetadata: []byte("{}"),
	})
}
