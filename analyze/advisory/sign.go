package advisory

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

const (
	beginSigned    = "-----BEGIN PGP SIGNED MESSAGE-----"
	beginSignature = "-----BEGIN PGP SIGNATURE-----"
	endSignature   = "-----END PGP SIGNATURE-----"
)

// A signed is a text in the cleartext signature framework.
type signed struct {
	text      string   // what was signed, without dash escapes, lines end in \n
	hashes    []string // of the "Hash:" headers
	signature []byte   // OpenPGP packets
}

// errUnsigned says that a text is not signed at all.
var errUnsigned = errors.New("not signed")

// openSigned takes a clearsigned text apart. It is stricter than RFC 9580 asks
// for, because a flipped character must show even where it changes no packet:
// unknown armor headers, base64 with stray bits and wrong CRCs are errors. On
// an error other than errUnsigned the text is still returned where it can be
// told apart, for the reader, not for trust.
func openSigned(data []byte) (signed, error) {
	if len(data) > maxText {
		return signed{}, fmt.Errorf("an advisory of more than %d bytes", maxText)
	}
	lines := strings.Split(string(data), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	start := slices.Index(lines, beginSigned)
	if start < 0 {
		if slices.Contains(lines, beginSignature) || slices.Contains(lines, endSignature) {
			return signed{text: string(data)}, errors.New("a signature without the begin of a signed text")
		}
		return signed{text: string(data)}, errUnsigned
	}
	end := slices.Index(lines[start:], beginSignature)
	if end < 0 {
		return signed{text: strings.Join(lines[start+1:], "\n")}, errors.New("the text is cut: its signature is missing")
	}
	end += start
	var s signed
	at := start + 1
	for ; at < end && lines[at] != ""; at++ {
		names, ok := strings.CutPrefix(lines[at], "Hash: ")
		if !ok {
			s.text = unescape(lines[at:end])
			return s, fmt.Errorf("armor header %q before the signed text", lines[at])
		}
		s.hashes = append(s.hashes, strings.Split(names, ",")...)
	}
	s.text = unescape(lines[min(at+1, end):end])
	var err error
	s.signature, err = openArmor(lines[end+1:])
	return s, err
}

// unescape joins lines and takes their dash escapes away.
func unescape(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if line == "-" { // an escaped empty line, its space trimmed
			continue
		}
		b.WriteString(strings.TrimPrefix(line, "- "))
	}
	return b.String()
}

// openArmor decodes the ASCII armor of a signature, begun before lines.
func openArmor(lines []string) ([]byte, error) {
	end := slices.Index(lines, endSignature)
	if end < 0 {
		return nil, errors.New("the signature is cut")
	}
	lines = lines[:end]
	for len(lines) > 0 && lines[0] != "" {
		key, _, ok := strings.Cut(lines[0], ": ")
		if !ok || !slices.Contains([]string{"Version", "Comment", "Hash", "Charset", "MessageID"}, key) {
			return nil, fmt.Errorf("armor header %q in the signature", lines[0])
		}
		lines = lines[1:]
	}
	if len(lines) < 2 {
		return nil, errors.New("the signature is empty")
	}
	lines = lines[1:]
	sum := ""
	if last := lines[len(lines)-1]; len(last) == 5 && last[0] == '=' {
		sum, lines = last[1:], lines[:len(lines)-1]
	}
	strict := base64.StdEncoding.Strict()
	data, err := strict.DecodeString(strings.Join(lines, ""))
	if err != nil {
		return nil, fmt.Errorf("the armor of the signature is damaged: %w", err)
	}
	if sum != "" {
		want, err := strict.DecodeString(sum)
		if err != nil || !bytes.Equal(want, crc24(data)) {
			return nil, errors.New("the armor of the signature is damaged: wrong CRC")
		}
	}
	return data, nil
}

// crc24 is the armor checksum of RFC 4880 section 6.1.
func crc24(data []byte) []byte {
	crc := uint32(0xb704ce)
	for _, b := range data {
		crc ^= uint32(b) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return []byte{byte(crc >> 16), byte(crc >> 8), byte(crc)}
}

// hashNames are the armor names of the hashes that a text may be signed with.
var hashNames = map[crypto.Hash]string{
	crypto.SHA1: "SHA1", crypto.SHA224: "SHA224", crypto.SHA256: "SHA256", crypto.SHA384: "SHA384",
	crypto.SHA512: "SHA512", crypto.SHA3_256: "SHA3-256", crypto.SHA3_512: "SHA3-512",
}

// verify returns one of the Signature constants and, where that is not plain
// "good", the reason. Keys are judged as of the day of the signature, so an
// advisory does not turn bad when its key expires.
func (s signed) verify(keyring openpgp.EntityList) (status, note string) {
	sig, known, err := s.pickSignature(keyring)
	if err != nil {
		return SignatureBad, err.Error()
	}
	name, ok := hashNames[sig.Hash]
	if !ok {
		return SignatureBad, fmt.Sprintf("signed with the hash %v, which proves nothing", sig.Hash)
	}
	if len(s.hashes) > 0 && !slices.Contains(s.hashes, name) {
		return SignatureBad, fmt.Sprintf("the armor says Hash: %s, the signature uses %s", strings.Join(s.hashes, ","), name)
	}
	canonical := []byte(strings.ReplaceAll(s.text, "\n", "\r\n"))
	h, err := sig.PrepareVerify()
	if err != nil {
		return SignatureBad, err.Error()
	}
	h.Write(canonical)
	if err := packet.VerifyHashTag(h, sig); err != nil {
		return SignatureBad, "the text is not the one that was signed" // visible even without the key
	}
	if !known {
		return SignatureUnknownKey, ""
	}
	config := &packet.Config{Time: func() time.Time { return sig.CreationTime }}
	if _, _, err = openpgp.VerifyDetachedSignature(keyring, bytes.NewReader(canonical), bytes.NewReader(s.signature), config); err != nil {
		return SignatureBad, err.Error()
	}
	if sig.Hash == crypto.SHA1 {
		note = "signed with SHA1, which is weak today"
	}
	return SignatureGood, note
}

// pickSignature returns the signature that counts: the first one with a known
// key, else the first one. The block must hold nothing but signatures of texts.
func (s signed) pickSignature(keyring openpgp.EntityList) (pick *packet.Signature, known bool, err error) {
	packets := packet.NewReader(bytes.NewReader(s.signature))
	for {
		p, err := packets.Next()
		if err == io.EOF && pick != nil {
			return pick, known, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("the signature cannot be read: %w", err)
		}
		sig, ok := p.(*packet.Signature)
		if !ok || sig.Version == 5 || sig.SigType != packet.SigTypeText && sig.SigType != packet.SigTypeBinary {
			return nil, false, errors.New("the signature block holds something else than signatures of a text")
		}
		hasKey := sig.IssuerKeyId != nil && len(keyring.KeysByIdUsage(*sig.IssuerKeyId, packet.KeyFlagSign)) > 0
		if pick == nil || hasKey && !known {
			pick, known = sig, hasKey
		}
	}
}

// keyBlock finds armored keys in a file that may hold several.
var keyBlock = regexp.MustCompile(`(?s)-----BEGIN PGP (?:PUBLIC|PRIVATE) KEY BLOCK-----.*?-----END PGP (?:PUBLIC|PRIVATE) KEY BLOCK-----`)

// maxKeyring limits the size of a keyring file, bytes.
const maxKeyring = 16 << 20

// ReadKeyring reads OpenPGP keys, binary or armored, one or several blocks.
// The name is for errors only.
func ReadKeyring(name string, r io.Reader) (openpgp.EntityList, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeyring+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxKeyring {
		return nil, fmt.Errorf("%s: a keyring of more than %d bytes", name, maxKeyring)
	}
	blocks := keyBlock.FindAll(data, -1)
	if len(blocks) == 0 {
		keys, err := openpgp.ReadKeyRing(bytes.NewReader(data))
		if err != nil || len(keys) == 0 {
			return nil, fmt.Errorf("%s: no OpenPGP keys, armored or binary: %v", name, err)
		}
		return keys, nil
	}
	var all openpgp.EntityList
	for i, block := range blocks {
		dearmored, err := armor.Decode(bytes.NewReader(block))
		if err != nil {
			return nil, fmt.Errorf("%s: key block %d: %w", name, i+1, err)
		}
		keys, err := openpgp.ReadKeyRing(dearmored.Body)
		if err != nil {
			return nil, fmt.Errorf("%s: key block %d: %w", name, i+1, err)
		}
		all = append(all, keys...)
	}
	return all, nil
}
