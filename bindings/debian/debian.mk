# Debian packages: of what is committed, as `make dist` packs it. bindings/debian/debian is the folder debian/
# of the source package.
DEBIAN := $(BUILD)/debian
# Where Debian's Python comes first.
DEBIAN_PATH := /usr/sbin:/usr/bin:/sbin:/bin

.PHONY: deb debian-source check-debian
debian-source: dist ## $(BUILD)/debian: the source package for Debian, unpacked; DEBFULLNAME, DEBEMAIL: who packages it
	@rm -rf $(DEBIAN)/source
	@sh bindings/debian/source.sh $(BUILD)/$(DIST).tar.gz $(DEBIAN)/source

deb: debian-source ## $(BUILD)/debian: the packages libdualpath$(ABI), libdualpath-dev, dualpath-tools, python3-dualpath
	@.ci/setup build check deb
	cd $(DEBIAN)/source/$(DIST) && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL PATH=$(DEBIAN_PATH) \
	    dpkg-buildpackage --no-sign --build=binary
	@rm -f $(DEBIAN)/*.deb
	@find $(DEBIAN)/source -name '*.deb' ! -name '*-dbgsym_*' -exec mv {} $(DEBIAN) \;
	@ls $(DEBIAN)/*.deb

# Everything in roots of their own, of the Debian release RELEASE.
RELEASE = $(shell . /etc/os-release && echo "$$VERSION_CODENAME")
check-debian: debian-source ## the packages in clean roots of RELEASE (this one's): built twice, lintian, installed, autopkgtest, purged (root; half an hour)
	@.ci/setup debian
	@echo "== Debian $(RELEASE)"
	@SOURCE=$(DEBIAN)/source ROOTS=$(DEBIAN)/roots RELEASE=$(RELEASE) sh tests/packaging/debian_test.sh
