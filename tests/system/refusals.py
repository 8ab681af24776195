# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is refused: libvirt's own code and one clear sentence each, and everything as before."""

import os
import signal
import subprocess
import threading
import time

import harness
from harness import equal, libvirt, refuses

# Far below the half minute that the daemon waits for a monitor.
PATIENCE_SECONDS = 15

tests = harness.Tests()


@tests.point
def unknown_domain(daemon):
    connection = daemon.open()
    for function, word in ((connection.lookupByName, "nobody"), (connection.lookupByID, 77),
                           (connection.lookupByUUIDString,
                            "00000000-1111-2222-3333-444444444444")):
        refuses(libvirt.VIR_ERR_NO_DOMAIN, "Domain not found", function, word)
    connection.close()


@tests.point
def board_that_cannot_be_made(daemon):
    done = subprocess.run([daemon.vmm, "-display", "none", "-global", "PIIX4_PM.nonsense=1"],
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                          timeout=PATIENCE_SECONDS)
    equal(done.returncode, 1)
    harness.contains(done.stderr, "can't apply global PIIX4_PM.nonsense=1: "
                                  "Property 'PIIX4_PM.nonsense' not found")


@tests.point
def wrong_path_of_the_name(daemon):
    uri = daemon.uri().replace(":///system", ":///nowhere").replace(":///session", ":///nowhere")
    code, message = harness.error_of(libvirt.open, uri)
    assert code in (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_INVALID_ARG), (code, message)
    harness.contains(message, "nowhere")


@tests.point
def name_clash(daemon):
    connection = daemon.open()
    connection.defineXML(daemon.xml("g"))
    uuid = "00000000-1111-2222-3333-444444444444"
    refuses(libvirt.VIR_ERR_OPERATION_FAILED, "domain 'g' already exists with uuid",
            connection.defineXML, daemon.xml("g", extra=f"<uuid>{uuid}</uuid>"))
    own = connection.lookupByName("g").UUIDString()
    refuses(libvirt.VIR_ERR_OPERATION_FAILED, f"domain 'g' is already defined with uuid {own}",
            connection.defineXML, daemon.xml("h", extra=f"<uuid>{own}</uuid>"))
    equal([each.name() for each in connection.listAllDomains()], ["g"])
    connection.close()


@tests.point
def malformed_xml(daemon):
    connection = daemon.open()
    for text in ("<domain", "", "<domain/>", "<domain type='kvm'><name>x</name></domain>"):
        code, message = harness.error_of(connection.defineXML, text)
        assert code in (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_XML_ERROR, libvirt.VIR_ERR_XML_DETAIL,
                        libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_OS_TYPE), (code, message)
    connection.close()


@tests.point
def unsupported_element(daemon):
    connection = daemon.open()
    for device, part in (("<sound model='ich6'/>", "sound"), ("<tpm model='tpm-tis'/>", "tpm")):
        refuses(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, part, connection.defineXML,
                daemon.xml("u", devices=device))
    equal(harness.error_of(connection.lookupByName, "u")[0], libvirt.VIR_ERR_NO_DOMAIN)
    connection.close()


@tests.point
def unusual_names(daemon):
    connection = daemon.open()
    for name in ("a/b", "..", "line&#10;break"):
        assert harness.error_of(connection.defineXML, daemon.xml(name))[0] != 0, name
    equal(sorted(path.name for path in daemon.config_dir.iterdir() if path.is_file()), ["g.xml"])
    connection.close()


# A place where no host has a device.
NOWHERE = "0x00ff"
HOSTDEV = """\
<hostdev mode='subsystem' type='{type}' managed='yes'>
  <source><address domain='{domain}' bus='0xff' slot='0x1f' function='0x7'/></source>{more}
</hostdev>"""


def hostdev(kind="pci", domain=NOWHERE, more=""):
    return HOSTDEV.format(type=kind, domain=domain, more=more)


@tests.point
def host_devices(daemon):
    connection = daemon.open()
    for xml, word in ((hostdev("usb"), "usb"), (hostdev(more="<driver name='kvm'/>"), "kvm"),
                      (hostdev(more="<rom enabled='no' bar='on'/>"), "ROM tuning")):
        refuses(libvirt.VIR_ERR_CONFIG_UNSUPPORTED, word, connection.defineXML,
                daemon.xml("u", devices=xml))
    refuses(libvirt.VIR_ERR_XML_ERROR, "double use of PCI Address 0000:00:01.0",
            connection.defineXML,
            daemon.xml("u", devices=hostdev(more="<address type='pci' slot='1'/>")))
    domain = connection.defineXML(daemon.xml("p", devices=hostdev()))
    refuses(libvirt.VIR_ERR_INTERNAL_ERROR, "Device 00ff:ff:1f.7 not found", domain.create)
    equal(domain.state()[0], libvirt.VIR_DOMAIN_SHUTOFF)
    equal(daemon.guests(), [])
    domain.undefine()
    connection.close()


@tests.point
def node_devices(daemon):
    connection = daemon.open()
    # No node device daemon is there: the name says all that is needed.
    refuses(libvirt.VIR_ERR_NO_NODE_DEVICE, "no node device with matching name",
            connection.nodeDeviceLookupByName, "pci_00ff_ff_1f_7")
    refuses(libvirt.VIR_ERR_NO_NODE_DEVICE, "no node device with matching name",
            connection.nodeDeviceLookupByName, "net_eth0")
    refuses(libvirt.VIR_ERR_NO_SUPPORT, "virConnectListAllNodeDevices",
            connection.listAllDevices)
    name = harness.pci_bridge()
    if name:
        bridge = connection.nodeDeviceLookupByName(name)
        for function in (bridge.dettach, bridge.reset):
            assert harness.error_of(function)[0], function
        refuses(libvirt.VIR_ERR_INVALID_ARG, "unknown driver name 'nvme'", bridge.detachFlags,
                "nvme")
    connection.close()


@tests.point
def not_running(daemon):
    connection = daemon.open()
    domain = connection.lookupByName("g")
    for function in (domain.destroy, domain.shutdown, domain.reboot, domain.reset, domain.suspend,
                     domain.resume):
        refuses(libvirt.VIR_ERR_OPERATION_INVALID, "domain is not running", function)
    refuses(libvirt.VIR_ERR_OPERATION_INVALID, "not running", domain.attachDeviceFlags,
            harness.dimm(), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    connection.close()


@tests.point
def read_only_connection(daemon):
    connection = libvirt.openReadOnly(daemon.uri().replace("virttenond-sock",
                                                           "virttenond-sock-ro"))
    equal([each.name() for each in connection.listAllDomains()], ["g"])
    refuses(libvirt.VIR_ERR_OPERATION_DENIED, "read only", connection.lookupByName("g").create)
    connection.close()


@tests.point
def start_that_fails(daemon):
    connection = daemon.open()
    xml = daemon.xml("b").replace(f"<kernel>{daemon.kernel}<", "<kernel>/no/such/kernel<")
    domain = connection.defineXML(xml)
    code, message = harness.error_of(domain.create)
    assert code, "a kernel that is not there"
    harness.contains(message, "/no/such/kernel")
    equal(domain.state()[0], libvirt.VIR_DOMAIN_SHUTOFF)
    equal(daemon.guests(), [])
    domain.undefine()
    connection.close()


@tests.point
def a_monitor_that_hangs(daemon):
    connection = daemon.open()
    domain = connection.lookupByName("g")
    domain.create()
    os.kill(daemon.guests()[0], signal.SIGSTOP)
    # On a connection of its own: the client's library may make calls that share one wait.
    other = daemon.open()
    stuck = threading.Thread(target=harness.error_of, args=(other.lookupByName("g").suspend,))
    stuck.start()
    begin = time.monotonic()
    # Before or after the other's wish: what counts is that the answer does not wait.
    assert domain.info()[0] in (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED)
    equal(domain.isActive(), 1)
    harness.contains(domain.XMLDesc(), "<name>g</name>")
    assert connection.getAllDomainStats()
    equal(len(connection.listAllDomains()), 1)
    domain.destroy()
    assert time.monotonic() - begin < PATIENCE_SECONDS
    stuck.join(PATIENCE_SECONDS)
    assert not stuck.is_alive()
    equal(domain.state(), [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED])
    equal(daemon.guests(), [])
    connection.close()


@tests.point
def a_monitor_that_dies(daemon):
    connection = daemon.open()
    domain = connection.lookupByName("g")
    domain.create()
    os.kill(daemon.guests()[0], signal.SIGKILL)
    harness.until(lambda: domain.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF, "shut off")
    equal(domain.state()[1], libvirt.VIR_DOMAIN_SHUTOFF_CRASHED)
    domain.create()
    domain.destroy()
    domain.undefine()
    connection.close()


if __name__ == "__main__":
    harness.main(tests)
