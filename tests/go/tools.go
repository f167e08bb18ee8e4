//go:build tools

// What is built from here but not imported: kept in go.mod and go.sum by this.
package tests

import _ "github.com/summerwind/h2spec/cmd/h2spec"
