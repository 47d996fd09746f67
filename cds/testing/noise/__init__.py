"""Noise: what senders may write differently without saying anything else.

`NOISES` holds the ways, each with the reason for which FHIR lets a record be written so. `add_noise` puts some of them
over a bundle, in an order in which they do not undo each other; `spell` writes the result as JSON in one of the many
ways in which JSON can be written. Both follow the choices that they are given, so that Hypothesis can make a failing
bundle simpler (`noisy_bundles` in `cds.testing`), and a seeded generator can make many quickly.

The property they are made for: whatever of this is done to a bundle, it is read as the same facts (`said`). The
elements that the facts name may be others.

>>> import random
>>> from cds.testing.sampling import SeededChoices
>>> bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient"}}]}
>>> noisy, names = add_noise(bundle, SeededChoices(random.Random(1)), [noise_called("narrative")])
>>> names, noisy["entry"][0]["resource"]["text"]["status"]
(('narrative',), 'generated')
"""

from cds.testing.noise.facts import said
from cds.testing.noise.noises import NOISES, Noise, NoisyBundle, add_noise, noise_called
from cds.testing.noise.spelling import spell

__all__ = ["NOISES", "Noise", "NoisyBundle", "add_noise", "noise_called", "said", "spell"]
