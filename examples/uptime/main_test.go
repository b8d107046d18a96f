package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestTheOwnerIsTold(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, 30*time.Second))
	require.Regexp(t, `gone +down +status < 400 does not hold \(status 404`, out.String())
	require.Regexp(t, `recovering +down `, out.String())
	require.Regexp(t, `recovering +resolved `, out.String())
	require.Regexp(t, `(?m)^shop-33 +up `, out.String())
}
