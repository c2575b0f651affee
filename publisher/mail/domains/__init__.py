"""What the DNS says of the domains we send from: SPF, DKIM, DMARC and PTR, each judged by its RFC."""
