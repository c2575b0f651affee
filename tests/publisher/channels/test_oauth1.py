"""The signature of X."""

from __future__ import annotations

from publisher.channels._oauth1 import Credentials, authorization


def test_x_signs_as_its_documentation_shows() -> None:
    credentials = Credentials(
        "xvz1evFS4wEEPTGEFPHBog",
        "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
        "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    )
    url = "https://api.twitter.com/1.1/statuses/update.json?include_entities=true&status="
    url += "Hello%20Ladies%20%2B%20Gentlemen%2C%20a%20signed%20OAuth%20request%21"
    nonce = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"
    value, signature = authorization("POST", url, credentials, nonce=nonce, timestamp=1318622958)
    assert signature == "hCtSmYh+iHYCEqBWrE7C7hYmtUk="
    assert 'oauth_signature="hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D"' in value
    assert "kAcSOqF" not in value
