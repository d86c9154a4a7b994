// Package shim gives access to the provider, which its module keeps internal: hence this module's path.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"
	upstream "github.com/terraform-providers/terraform-provider-random/internal/provider"
)

// New returns the provider of the upstream module.
func New() provider.Provider { return upstream.New() }
