package yamldoc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/yamldoc"
)

func TestExpandPutsInVariables(t *testing.T) {
	lookup := func(name string) (string, bool) { return "<" + name + ">", name != "NOT" }
	for in, want := range map[string]string{
		"a${B}c${B_2}": "a<B>c<B_2>", "$${B}": "${B}", "a$b$": "a$b$", "": "", "$$": "$$", "$$${B}": "$${B}",
	} {
		got, err := yamldoc.Expand(in, lookup)
		require.NoError(t, err)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"${NOT}", "${", "${}", "${1}", "${a b}"} {
		_, err := yamldoc.Expand(in, lookup)
		require.Error(t, err, in)
	}
}
