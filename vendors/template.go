package vendors

import "strings"

// Template is a profile to start from: the two kinds of base that most vendors
// have, every key explained. It is a valid profile of that name.
func Template(name string) []byte {
	return []byte(strings.ReplaceAll(template, "NAME", name))
}

const template = `# The hypervisors that we ship, for lpready. See: lpready vendors check NAME.yaml
# Leave out what you do not know: it is shown as unknown. Keys that are not known
# to lpready are mistakes. Relative paths are relative to this file.
name: NAME
title: What people call this product

bases: # every hypervisor that is out there and must be fixed
  - id: release-1                # any short name, unique here
    xen: 4.17                    # the version whose recipes apply
    release: 4.17.5-1            # what your packages call it
    # commit: 430ce6cd936546ad883ecd1c85ddea32d790604b   # upstream, all 40 digits
    arch: x86_64                 # or arm64, arm32
    source:                      # one of these:
      tarball: xen-4.17.5.tar.gz #   a release
      series: patches            #   with your quilt series on top
      # folder: src/xen-4.17.5   #   or the tree as it was built
    config:
      file: release-1.config     # the .config of the hypervisor
    symbols:
      file: xen-syms             # with debug information, as it was shipped
    # hypervisor: {file: xen.gz} # what a host boots, for verify --boot
    compiler: {name: gcc, version: 12.2.0}
    # build-id: 0000000000000000000000000000000000000000 # readelf -n xen-syms
    # eol: 2030-12-31            # last day of security support

  - id: release-2
    xen: 4.20
    source:
      git: {repository: xen.git, ref: release-2, queue: patchqueue}
      # rpm: {spec: SPECS/xen.spec, sources: SOURCES, define: {dist: .el9}}
      # debian: {package: xen, version: 4.20.2-1, dsc: xen_4.20.2-1.dsc}
    config:                      # without the file: what is known of it
      options: {CONFIG_LIVEPATCH: y, CONFIG_SHADOW_PAGING: n}
      # complete: true           # nothing else is set

policy: # how you ship live patches
  payloads: true
  cumulative: true               # a payload holds all fixes before it
  replace: true                  # and replaces the one before it
  stacking: false
  embargo: [who may know, where files may lie]

team: # who does the work; lpready plan reads it
  holidays: [2030-01-01]         # when nobody works
  # days: [mon, tue, wed, thu]   # working days, where they are not mon to fri
  # review: {senior_for: [adapt, hard]} # classes whose reviewer must be a senior; never the author
  # areas: {migration: [tools/migration/]} # areas of your own, by the paths they begin with
  people:
    - name: Ada
      seniority: senior          # or regular, junior; a senior may take what is hard
      hours: 7                   # of a working day
      share: 0.8                 # of these that go into this
      zone: Europe/London        # the day begins at 09:00 there, or at start
      skills: [x86, common]      # areas of the tree, and build, test; see the message of vendors check
      absent:
        - {from: 2030-07-01, to: 2030-07-12, why: leave}
      commitments:
        - {what: release 2, hours: 2, from: 2030-03-01, to: 2030-03-31}
    - {name: Grace, seniority: senior, hours: 6, skills: [x86/mm, toolstack]}
    - {name: Mary, seniority: regular, hours: 6, skills: [common, iommu, build, test]}

# effort: hours.yaml             # your numbers, laid over lpready's
`
