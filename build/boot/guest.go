package boot

import (
	_ "embed"
)

//go:embed guest.sh
var guestScript []byte

//go:embed guestinit.sh
var guestInit []byte

// guestPrograms are those of Xen's toolstack that a guest needs.
var guestPrograms = []string{"xenstored", "xen-init-dom0", "xenconsoled", "xl"}

// loadedLater are libraries that no program names: the C library loads this one when a
// thread is cancelled.
var loadedLater = []string{"libgcc_s.so.1"}

// addGuest adds the toolstack to dom0, and a guest: the dom0's own kernel and busybox.
func (h *Host) addGuest(f *Files, busybox []byte) error {
	for _, name := range guestPrograms {
		if err := h.dom0.addProgram(f, name); err != nil {
			return err
		}
	}
	for _, name := range loadedLater {
		data, err := f.library(name)
		if err != nil {
			return err
		}
		h.dom0.file("lib/"+name, data, true)
	}
	h.dom0.file("guest.sh", guestScript, false)
	g := newImage()
	g.file("init", guestInit, true)
	for name, e := range h.dom0.entries {
		if e.link == "busybox" || name == "bin/busybox" {
			g.entries[name] = e
		}
	}
	for _, dir := range emptyFolders {
		g.file(dir+"/.keep", nil, false)
	}
	initrd, err := g.archive()
	if err != nil {
		return err
	}
	h.dom0.file("guest/initrd.img", initrd, false)
	h.dom0.file("guest/vmlinuz", h.kernel, false)
	return nil
}

// The guests of a sequence. The first is older than the payload and ends while it is
// applied, the second begins and ends with it.
const olderGuest, newerGuest = "older", "newer"

// guestBefore has a guest run before the payload comes.
func (p *plan) guestBefore() {
	if !p.guest {
		return
	}
	p.add(actToolstack, "", "toolstack")
	p.add(actCreate, olderGuest, "create", olderGuest)
	p.add(actRunning, olderGuest, "running", olderGuest)
}

// guestWhile has a guest begin, run and end while the payload is applied, and the older
// one end.
func (p *plan) guestWhile() {
	if !p.guest {
		return
	}
	p.add(actCreate, newerGuest, "create", newerGuest)
	p.add(actRunning, newerGuest, "running", newerGuest)
	p.add(actDestroy, newerGuest, "destroy", newerGuest)
	p.add(actDestroy, olderGuest, "destroy", olderGuest)
}
