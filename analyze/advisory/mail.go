package advisory

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"path"
	"regexp"
	"strings"
	"time"
)

// A message is a mail that carries an advisory.
type message struct {
	subject string
	public  bool // it went to a public list
	date    time.Time
	files   []leaf // attachments
}

// A mailReader takes one mail apart.
type mailReader struct {
	in    *intake
	it    item
	texts [][]byte // parts without a file name
	files *intake  // attachments, unpacked
}

// message reads a mail. What comes of it is a leaf with an advisory, or, where
// it has none, its patches as loose ones. A mail inside it is a mail of its own.
func (in *intake) message(it item, data []byte) error {
	header, body, err := cutHeader(bytes.TrimLeft(data, " \t\r\n\ufeff"))
	if err != nil {
		return err
	}
	m := &mailReader{in: in, it: it, files: &intake{ctx: in.ctx, limits: in.limits, budget: in.budget, mails: in.mails}}
	if err := m.part(header, body); err != nil {
		return err
	}
	in.warnings = append(in.warnings, m.files.warnings...)
	return m.finish(header)
}

// finish decides what the mail was.
func (m *mailReader) finish(header textproto.MIMEHeader) error {
	var texts, files, done []leaf
	for _, text := range m.texts {
		if holdsAdvisory(text) {
			l, err := readLeaf(m.it, kindText, text)
			if err != nil {
				return err
			}
			texts = append(texts, l)
		}
	}
	for _, l := range m.files.leaves {
		switch {
		case l.mail != nil: // an advisory that was mailed on
			done = append(done, l)
		case l.kind == kindText:
			texts = append(texts, l)
		default:
			files = append(files, l)
		}
	}
	m.in.leaves = append(m.in.leaves, done...)
	if l, ok := pickText(texts); ok {
		l.item = m.it
		l.mail = &message{subject: decodeHeader(header.Get("Subject")), public: isPublic(header), files: files}
		l.mail.date, _ = mail.ParseDate(header.Get("Date"))
		return m.in.keep(l)
	}
	if len(texts) > 0 {
		m.in.warn(m.it.where, fmt.Errorf("a mail with %d advisories: its attachments count as loose files", len(texts)))
		m.in.leaves = append(m.in.leaves, texts...)
	}
	folder := strings.TrimSuffix(m.it.name, path.Ext(m.it.name))
	for _, l := range files {
		l.name = path.Join(folder, l.name)
		m.in.leaves = append(m.in.leaves, l)
	}
	found := len(done)+len(texts)+len(files) > 0
	for _, text := range m.texts {
		if textKind(text) == kindPatch {
			found = true
			if err := m.in.keep(leaf{item: m.it, kind: kindPatch, data: withSubject(header, text)}); err != nil {
				return err
			}
		}
	}
	if !found {
		return errUseless
	}
	return nil
}

// pickText picks the text of a mail's advisory: a signed one before others. It
// fails where there is none, or where there are several advisories.
func pickText(texts []leaf) (leaf, bool) {
	var best leaf
	for _, l := range texts {
		switch {
		case best.advisory == nil, best.advisory.XSA == l.advisory.XSA && best.signed.signature == nil && l.signed.signature != nil:
			best = l
		case best.advisory.XSA != l.advisory.XSA:
			return leaf{}, false
		}
	}
	return best, best.advisory != nil
}

// withSubject puts the headers that say what a mailed patch is about before it.
func withSubject(header textproto.MIMEHeader, patch []byte) []byte {
	var b bytes.Buffer
	for _, key := range []string{"From", "Date", "Subject"} {
		if v := header.Get(key); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, decodeHeader(v))
		}
	}
	b.WriteByte('\n')
	b.Write(patch)
	return b.Bytes()
}

// part reads a MIME entity.
func (m *mailReader) part(header textproto.MIMEHeader, body []byte) error {
	if m.files.mails++; m.files.mails > m.in.limits.Mails {
		return fmt.Errorf("more than %d mails or multiparts inside each other", m.in.limits.Mails)
	}
	defer func() { m.files.mails-- }()
	media, params := contentType(header)
	name := fileName(header, params)
	if strings.HasPrefix(media, "multipart/") {
		return m.multipart(params["boundary"], body)
	}
	data, err := decodeBody(header.Get("Content-Transfer-Encoding"), body)
	if err != nil {
		return fmt.Errorf("%s: %w", partName(name, media), err)
	}
	switch {
	case media == "message/rfc822":
		it := m.it
		it.where += ": mail inside"
		if err := m.files.message(it, data); !errors.Is(err, errUseless) {
			return err
		}
		return nil
	case name != "":
		return m.attachment(name, data)
	case media == "text/plain":
		m.texts = append(m.texts, data)
	}
	return nil
}

func partName(name, media string) string {
	if name == "" {
		return "a part of type " + media
	}
	return fmt.Sprintf("the attachment %q", name)
}

// attachment unpacks an attached file. One that is of no use is kept out with
// a warning; one with a hostile name condemns the mail.
func (m *mailReader) attachment(name string, data []byte) error {
	clean, err := cleanName(name)
	if err != nil {
		return err
	}
	it := item{where: m.it.where + ": " + clean, name: clean, depth: m.it.depth, left: m.it.left}
	err = m.files.take(it, bytes.NewReader(data))
	if m.in.ctx.Err() != nil {
		return err
	}
	if err != nil {
		m.files.warn(it.where, err)
	}
	return nil
}

// multipart reads the parts of a multipart body.
func (m *mailReader) multipart(boundary string, body []byte) error {
	if boundary == "" {
		return errors.New("a multipart mail without a boundary")
	}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 1; ; n++ {
		if n > m.in.limits.Files {
			return fmt.Errorf("a mail with more than %d parts", m.in.limits.Files)
		}
		p, err := r.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the mail is damaged or cut: part %d: %w", n, err)
		}
		data, err := io.ReadAll(p) // of a body that is in memory already
		if err != nil {
			return fmt.Errorf("the mail is damaged or cut: part %d: %w", n, err)
		}
		if err := m.part(p.Header, data); err != nil {
			return err
		}
	}
}

// cutHeader separates header and body of a mail. It is more lenient than
// net/mail: lines that are no header fields are passed over, as archives of
// lists add such lines.
func cutHeader(data []byte) (textproto.MIMEHeader, []byte, error) {
	header := textproto.MIMEHeader{}
	last := ""
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		data = rest
		if len(line) == 0 {
			return header, data, nil
		}
		if line[0] == ' ' || line[0] == '\t' {
			if values := header[last]; len(values) > 0 {
				values[len(values)-1] += " " + strings.TrimSpace(string(line))
			}
			continue
		}
		key, value, ok := strings.Cut(string(line), ":")
		if !ok {
			continue
		}
		last = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(key))
		header[last] = append(header[last], strings.TrimSpace(value))
	}
	return nil, nil, errors.New("the mail is cut: it has a header only")
}

// looseParam finds parameters of a content type that is not well formed.
var looseParam = regexp.MustCompile(`(?i)\b(boundary|name|filename)\s*=\s*("[^"]*"|[^\s;]+)`)

// contentType reads the type of a part, text/plain where it says none.
func contentType(header textproto.MIMEHeader) (media string, params map[string]string) {
	value := header.Get("Content-Type")
	if value == "" {
		return "text/plain", nil
	}
	media, params, err := mime.ParseMediaType(value)
	if err != nil {
		first, _, _ := strings.Cut(value, ";")
		media, params = strings.ToLower(strings.TrimSpace(first)), map[string]string{}
		for _, m := range looseParam.FindAllStringSubmatch(value, -1) {
			params[strings.ToLower(m[1])] = strings.Trim(m[2], `"`)
		}
	}
	return media, params
}

// fileName is the name that a part gives to its content, or "".
func fileName(header textproto.MIMEHeader, params map[string]string) string {
	if _, disposition, err := mime.ParseMediaType(header.Get("Content-Disposition")); err == nil && disposition["filename"] != "" {
		return decodeHeader(disposition["filename"])
	}
	return decodeHeader(params["name"])
}

// decodeHeader decodes RFC 2047 words, or leaves them where it cannot.
func decodeHeader(s string) string {
	if d, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
		return d
	}
	return s
}

// decodeBody undoes a transfer encoding. 7bit, 8bit and binary are taken as
// they are: real advisories hold UTF-8 that is declared as 7bit.
func decodeBody(encoding string, body []byte) ([]byte, error) {
	switch strings.ToLower(encoding) {
	case "base64":
		text := bytes.Join(bytes.Fields(body), nil)
		data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(text)))
		if err != nil {
			return nil, fmt.Errorf("damaged or cut base64: %w", err)
		}
		return data, nil
	case "quoted-printable":
		data, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
		if err != nil {
			return nil, fmt.Errorf("damaged or cut quoted-printable: %w", err)
		}
		return data, nil
	case "", "7bit", "8bit", "binary":
		return body, nil
	}
	return nil, fmt.Errorf("unknown transfer encoding %q", encoding)
}

// publicList knows the addresses and subject tags of the project's public
// lists, also with the host obscured by a list archive.
var publicList = regexp.MustCompile(`(?i)\b(?:oss-security|xen-announce|xen-devel|xen-users)(?:@|\])`)

func isPublic(header textproto.MIMEHeader) bool {
	for _, key := range []string{"To", "Cc", "Subject", "List-Id"} {
		if publicList.MatchString(strings.Join(header[key], " ")) {
			return true
		}
	}
	return false
}
