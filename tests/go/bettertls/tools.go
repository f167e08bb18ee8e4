//go:build tools

// A module of its own: BetterTLS wants newer libraries than what the other programs here are built with.
package bettertls

import _ "github.com/Netflix/bettertls/test-suites/cmd/bettertls"
