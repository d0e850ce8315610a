"""The serving certificate: loaded, proven, and exchanged under a listener that never stops.

``serving`` follows the files and owns the listener's context, ``proof`` turns files into a context that has shaken
hands, ``clients`` decides which clients may speak. Nothing here logs, sleeps or starts a thread.
"""

from app.tls.proof import CertificateError
from app.tls.serving import Reload, ServingCertificate

__all__ = ["CertificateError", "Reload", "ServingCertificate"]
