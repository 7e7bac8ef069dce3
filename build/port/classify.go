package port

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"

	"lpready/analyze"
	"lpready/analyze/advisory"
	"lpready/analyze/factor"
)

// classify says of every commit that is a prerequisite how it would be judged
// itself: on the base, the commits in the order of the series.
func (s *series) classify() error {
	var pack bytes.Buffer
	w := tar.NewWriter(&pack)
	byName := map[string]string{} // hash, by the name in the pack
	seen := map[string]bool{}
	needed := map[int][]advisory.NamedData{} // XSAs of the batch that commits may build on
	put := func(name string, data []byte) error {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data))})
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	for _, j := range s.jobs {
		for _, q := range j.cell.Port.Prerequisites {
			if q.XSA > 0 && len(needed[q.XSA]) == 0 {
				needed[q.XSA] = s.patchesOf(q.XSA)
			}
			if q.Commit == "" || seen[q.Commit] {
				continue
			}
			seen[q.Commit] = true
			name := fmt.Sprintf("%04d-%s.patch", len(seen), q.Commit)
			byName[name] = q.Commit
			if err := put(name, s.req.Upstream.commits[q.Commit].text); err != nil {
				return err
			}
		}
	}
	if len(seen) == 0 {
		return nil
	}
	for _, xsa := range slices.Sorted(maps.Keys(needed)) {
		for _, f := range needed[xsa] {
			if err := put(fmt.Sprintf("xsa%d/%s", xsa, path.Base(f.Name)), f.Data); err != nil {
				return err
			}
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	batch, err := advisory.Read(s.ctx, []string{"-"}, advisory.Options{Stdin: &pack})
	if err != nil {
		return fmt.Errorf("classes of prerequisites: %w", err)
	}
	report, err := analyze.Assess(s.ctx, analyze.Request{Batch: batch, Bases: []analyze.Base{s.base.Base},
		Generated: s.req.Generated, Cache: s.req.Cache, Version: s.req.Version})
	if err != nil {
		return fmt.Errorf("classes of prerequisites: %w", err)
	}
	for _, c := range report.Cells {
		for _, name := range c.Patches {
			if hash := byName[name]; hash != "" {
				s.classes[hash] = c
			}
		}
	}
	for _, j := range s.jobs {
		for i := range j.cell.Port.Prerequisites {
			q := &j.cell.Port.Prerequisites[i]
			if c, ok := s.classes[q.Commit]; ok && q.Commit != "" {
				q.Class, q.Evidence, q.Reason = c.Class, c.Evidence, c.Why
			} else if q.Commit != "" {
				q.Class, q.Reason = factor.Unknown, "it could not be assessed"
			}
		}
	}
	return nil
}

// patchesOf is the patches of an XSA of the batch as they came.
func (s *series) patchesOf(xsa int) []advisory.NamedData {
	for _, j := range s.jobs {
		if j.entry.XSA == xsa {
			return j.came
		}
	}
	return nil
}
