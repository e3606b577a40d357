"""A certificate authority for tests, made with openssl: what it signs, a wall is to believe."""

import pathlib
import re
import ssl
import subprocess


def openssl(*args, stdin=None):
    return subprocess.run(["openssl", *map(str, args)], input=stdin, capture_output=True, check=True,
                          timeout=60).stdout


class Identity:
    """A certificate and its key, in files."""

    def __init__(self, cert, key):
        self.cert, self.key = cert, key

    @property
    def pin(self):
        """SHA-256 of the public key."""
        der = openssl("pkey", "-pubin", "-outform", "der",
                      stdin=openssl("x509", "-in", self.cert, "-pubkey", "-noout"))
        return openssl("dgst", "-sha256", "-r", stdin=der).split()[0].decode()

    @property
    def both(self):
        """Both in one file, as a front wants them."""
        path = self.cert.with_suffix(".both.pem")
        path.write_bytes(self.cert.read_bytes() + self.key.read_bytes())
        return path


class Authority:
    def __init__(self, directory, name="moot-clients"):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(exist_ok=True)
        self.cert, self.key = self.dir / "ca.pem", self.dir / "ca.key"
        self._made = 0
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", 2, "-keyout", self.key, "-out", self.cert, "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, subject, san="", usage="clientAuth", patch=None, key=None):
        """A certificate of this subject ("/CN=ada"). `patch`: (old, new) octets of the same length
        in what is signed, for what no tool writes."""
        self._made += 1
        base = self.dir / f"{self._made}"
        out = Identity(base.with_suffix(".pem"), key or base.with_suffix(".key"))
        request, extensions = base.with_suffix(".csr"), base.with_suffix(".ext")
        new_key = ["-key", key] if key else ["-newkey", "ec", "-pkeyopt",
                                             "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", out.key]
        openssl("req", "-new", *new_key, "-utf8", "-out", request, "-subj", subject)
        extensions.write_text(f"extendedKeyUsage={usage}\n" + (f"subjectAltName={san}\n" if san else ""))
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                "-days", 1, "-extfile", extensions, "-out", out.cert)
        if patch:
            self._patch(out.cert, *patch)
        return out

    def _patch(self, cert, old, new):
        der = openssl("x509", "-in", cert, "-outform", "der")
        body = parts(der)[0][1]
        tbs, algorithm, _ = [whole for whole, _ in parts(body)]
        assert tbs.count(old) == 1 and len(old) == len(new)
        tbs = tbs.replace(old, new)
        signature = openssl("dgst", "-sha256", "-sign", self.key, stdin=tbs)
        der = tlv(0x30, tbs + algorithm + tlv(0x03, b"\0" + signature))
        cert.write_bytes(openssl("x509", "-inform", "der", stdin=der))


def client_context(authority, identity=None):
    """Believes servers of the authority, and shows the identity where it is asked for one."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations(authority.cert)
    if identity:
        c.load_cert_chain(identity.cert, identity.key)
    return c


def impostor(directory, subject):
    """Who signed himself."""
    directory = pathlib.Path(directory)
    name = re.sub(r"\W", "", subject)
    out = Identity(directory / f"self-{name}.pem", directory / f"self-{name}.key")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", 1, "-keyout", out.key, "-out", out.cert, "-subj", subject)
    return out


def tlv(tag, content):
    n = len(content)
    length = bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes(
        (n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + length + content


def parts(der):
    """[(whole, content)] of the DER values one after the other."""
    out = []
    while der:
        n, head = der[1], 2
        if n & 0x80:
            head += n & 0x7F
            n = int.from_bytes(der[2:head], "big")
        out.append((der[: head + n], der[head : head + n]))
        der = der[head + n :]
    return out
