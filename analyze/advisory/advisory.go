// Package advisory reads what arrives under embargo: Xen Security Advisories
// as clearsigned texts, mails, mailboxes, folders and archives, together with
// their patches and recipes, or loose patches and queues without any advisory.
//
// The text layout is that of the advisories of xenbits.xen.org/xsa: a heading
// with XSA and CVE numbers, sections underlined with "=", a RESOLUTION that
// maps patch files to Xen versions, and a list of SHA-256 sums. The .meta
// files are the JSON that accompanies them. Signatures are the cleartext
// signatures of RFC 4880 section 7 and RFC 9580 section 7; mails are RFC 5322
// and MIME.
//
// Everything that is read is hostile until shown otherwise: sizes, depths and
// ratios are limited, names that leave their folder are refused, and Read
// writes nothing to disk. What Read cannot understand it names in a warning.
//
// The package cannot see whether a patch applies or what it does, trusts no
// key but those of the caller's keyring, and does not know PGP/MIME.
package advisory

import (
	"strings"
	"time"
)

// What is known about the signature of an advisory.
const (
	SignatureGood       = "good"        // verified with a key of the keyring
	SignatureBad        = "bad"         // damaged, forged, or cut
	SignatureUnknownKey = "unknown-key" // intact as far as can be seen, but the keyring lacks its key
	SignatureNone       = "none"        // the text is not signed
)

// What is known about the checksum of a file.
const (
	ChecksumOK       = "ok"       // as the advisory lists it
	ChecksumMismatch = "mismatch" // the advisory lists another one
	ChecksumAbsent   = "absent"   // the advisory lists none
)

// An Advisory is one XSA in one version, as it arrived.
type Advisory struct {
	XSA     int
	Version int // 1 where the text names none
	Title   string
	CVEs    []string // in the order of the heading

	// Public is when the advisory became public, or at the latest: the end of
	// the embargo that the text states, else the date of the mail that
	// published it. Zero where neither is known.
	Public time.Time

	Sections []Section // in order

	// The sections that others ask for, empty where the text lacks them.
	Updates    string // UPDATES IN VERSION n
	Impact     string
	Vulnerable string // VULNERABLE SYSTEMS
	Mitigation string
	Resolution string
	Deployment string // DEPLOYMENT DURING EMBARGO

	Attachments []Attachment // sorted by name
	Recipes     []Recipe     // best source first: .meta, RESOLUTION, file names

	Signature string // one of the Signature constants
	Checksums string // one of the Checksum constants, over all patches and .meta files

	Source   string      // where it was found
	Older    []*Advisory // earlier versions that were present too, newest first
	Warnings []string

	published bool        // a mail made it public
	sums      []listedSum // the sha256sum list of the text
	sumNames  nameIndex
	refused   []string // names of the list that nobody may write to
	fileNames nameIndex
	mappings  []mapping // the map of its RESOLUTION
}

// A Section is a part of an advisory's text under an underlined heading.
// The name is empty for text that stands between title and first heading.
type Section struct{ Name, Text string }

// An Attachment is a file that belongs to an advisory.
type Attachment struct {
	Name     string // as the advisory writes it, e.g. "xsa499/xsa499-4.17-1.patch"
	Data     []byte
	SHA256   string // of the data as it arrived, in hex
	Checksum string // one of the Checksum constants
}

// Section returns the text under the heading that starts with name, or "".
func (a *Advisory) Section(name string) string {
	for _, s := range a.Sections {
		if s.Name != "" && strings.HasPrefix(s.Name, name) {
			return s.Text
		}
	}
	return ""
}

// attachment finds a file by its name.
func (a *Advisory) attachment(name string) *Attachment {
	if i := a.fileNames.find(name); i >= 0 {
		return &a.Attachments[i]
	}
	return nil
}

// listed returns the line of the checksum list for a file.
func (a *Advisory) listed(name string) (listedSum, bool) {
	if i := a.sumNames.find(name); i >= 0 {
		return a.sums[i], true
	}
	return listedSum{}, false
}
