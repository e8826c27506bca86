"""Configurations that several tests start from."""

TOKEN = "storefront-token-0123456789abcdef"
READ_TOKEN = "reader-token-0123456789abcdef0"

# Waits are short so that a test waits for little, and long enough that order is certain.
LADDER = f"""
[gateway]
public_url = http://127.0.0.1:1

[http]
listen = 127.0.0.1:0

[store]
url = sqlite:escalated.db

[source storefront]
format = native
token = {TOKEN}
rate = 1000000
burst = 1000000

[token reader]
secret = {READ_TOKEN}
access = read

[channel sms]
plugin = file

[channel email]
plugin = file

[contact ann]
name = Ann Lee
sms = +15550100
email = ann@example.com
page = sms

[contact carol]
sms = +15550101
email = carol@example.com
page = sms

[schedule tech-lead]
members = ann

[audience customers]
addresses = one@example.com, two@example.com

[policy default]
page = ann

[policy storefront]
match = service="storefront"
group_by = service

[step storefront/tech-lead]
page = @tech-lead
wait = {{wait}}

[step storefront/vp]
page = carol
wait = {{wait}}

[step storefront/affected]
inform = &customers
"""


def ladder(wait="2s"):
    return LADDER.replace("{wait}", wait)


EVENT = {"action": "trigger", "key": "checkout", "summary": "Checkout fails", "severity": "critical",
         "labels": {"service": "storefront", "region": "eu"}}
