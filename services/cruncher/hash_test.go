package cruncher_test

import (
	"encoding/json"
	"testing"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"

	"github.com/stretchr/testify/require"
)

func TestHash_knows_its_algorithms(t *testing.T) {
	// Expected values from sha256sum, sha512sum and md5sum; that of CRC-32C is the check value of RFC 3720, section B.4, for "123456789".
	for with, want := range map[string]string{
		``:                         `{"algorithm":"sha256","hash":"15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225","bytes":9}`,
		`{"algorithm":"sha512"}`:   `{"algorithm":"sha512","hash":"d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85","bytes":9}`,
		`{"algorithm":"md5"}`:      `{"algorithm":"md5","hash":"25f9e794323b453885f5181f1b624d0b","bytes":9}`,
		`{"algorithm": "crc32c" }`: `{"algorithm":"crc32c","hash":"e3069283","bytes":9}`,
	} {
		out, err := run(t, "hash", with, ops.Input{Body: []byte("123456789"), Value: json.RawMessage(`1`)})
		require.NoError(t, err)
		require.Equal(t, want, string(out.Value))
	}
}

func TestHash_of_a_value_does_not_depend_on_white_space(t *testing.T) {
	a, err := run(t, "hash", `{}`, ops.Input{Value: json.RawMessage(`{"a": [1, 2]}`)})
	require.NoError(t, err)
	b, err := run(t, "hash", `{}`, ops.Input{Value: json.RawMessage(`{"a":[1,2]}`)})
	require.NoError(t, err)
	require.Equal(t, string(a.Value), string(b.Value))
}

func TestHash_of_an_empty_page_is_the_hash_of_nothing(t *testing.T) {
	out, err := run(t, "hash", `{}`, ops.Input{})
	require.NoError(t, err)
	require.Equal(t, `{"algorithm":"sha256","hash":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","bytes":0}`, string(out.Value))
}

func TestHash_refuses_an_unknown_algorithm(t *testing.T) {
	_, err := run(t, "hash", `{"algorithm":"sha3"}`, ops.Input{})
	require.Equal(t, events.ReasonInvalidParameter, reason(err))
	require.ErrorContains(t, err, "use sha256, sha512, blake3, sha1, md5 or crc32c")
}

func TestHash_blake3_and_sha1_agree_with_published_vectors(t *testing.T) {
	for _, c := range []struct{ algorithm, text, want string }{
		// RFC 3174, section 7.3, and the empty input of the BLAKE3 test vectors (github.com/BLAKE3-team/BLAKE3, test_vectors.json).
		{"sha1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"blake3", "", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
		{"blake3", "\x00", "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
		{"blake3", "abc", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"},
	} {
		out, err := run(t, "hash", `{"algorithm":"`+c.algorithm+`"}`, ops.Input{Body: []byte(c.text)})
		require.NoError(t, err)
		require.Contains(t, string(out.Value), `"hash":"`+c.want+`"`, c.algorithm)
	}
}

func BenchmarkHash(b *testing.B) {
	body := make([]byte, 64<<20)
	for _, algorithm := range []string{"sha256", "sha512", "blake3", "sha1", "md5", "crc32c"} {
		in := ops.Input{With: json.RawMessage(`{"algorithm":"` + algorithm + `"}`), Body: body}
		b.Run(algorithm, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := cruncher.Hash().Run(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
