"""The frame's words and dates in the subscriber's language.

An article keeps the language it was written in; the frame around it (greeting, "continue on the web", the
footer, dates) speaks the subscriber's. Six languages are complete; any other falls back to the publication's
and then to English. Dates and list patterns are CLDR's (through Babel).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from babel import Locale, localedata
from babel.dates import format_date

from publisher.lib.direction import direction
from publisher.lib.text import isolated, listed

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "greeting_named": "Dear {name},",
        "greeting_plain": "Dear reader,",
        "because_all": "You receive this because you subscribed to {title}.",
        "because_topics": "You receive this because you follow {topics}.",
        "read_more": "Continue on the web",
        "in_this_edition": "In this edition",
        "more_articles": "More in this edition",
        "edition_on_web": "The whole edition is on the web",
        "view_in_browser": "View in browser",
        "unsubscribe": "Unsubscribe",
        "preferences": "Change what you receive",
        "share": "Share",
        "related": "Related",
        "by": "By {authors}",
        "minutes": "{minutes} min read",
        "number": "No. {number}",
        "listen": "Listen",
        "picture": "Picture",
        "links": "Links",
    },
    "it": {
        "greeting_named": "Buongiorno {name},",
        "greeting_plain": "Buongiorno,",
        "because_all": "Ricevi questo messaggio per la tua iscrizione a {title}.",
        "because_topics": "Ricevi questo messaggio perché segui {topics}.",
        "read_more": "Continua sul sito",
        "in_this_edition": "In questo numero",
        "more_articles": "Altri articoli di questo numero",
        "edition_on_web": "Il numero completo è sul sito",
        "view_in_browser": "Leggi nel browser",
        "unsubscribe": "Annulla l’iscrizione",
        "preferences": "Scegli che cosa ricevere",
        "share": "Condividi",
        "related": "Leggi anche",
        "by": "di {authors}",
        "minutes": "{minutes} min di lettura",
        "number": "N. {number}",
        "listen": "Ascolta",
        "picture": "Immagine",
        "links": "Link",
    },
    "de": {
        "greeting_named": "Guten Tag {name},",
        "greeting_plain": "Guten Tag,",
        "because_all": "Sie erhalten diese Nachricht, weil Sie {title} abonniert haben.",
        "because_topics": "Sie erhalten diese Nachricht, weil Sie diesen Themen folgen: {topics}.",
        "read_more": "Im Web weiterlesen",
        "in_this_edition": "In dieser Ausgabe",
        "more_articles": "Weitere Artikel dieser Ausgabe",
        "edition_on_web": "Die ganze Ausgabe steht im Web",
        "view_in_browser": "Im Browser ansehen",
        "unsubscribe": "Abbestellen",
        "preferences": "Auswahl ändern",
        "share": "Teilen",
        "related": "Zum Thema",
        "by": "Von {authors}",
        "minutes": "{minutes} Min. Lesezeit",
        "number": "Nr. {number}",
        "listen": "Anhören",
        "picture": "Bild",
        "links": "Links",
    },
    "es": {
        "greeting_named": "Hola, {name}:",
        "greeting_plain": "Hola:",
        "because_all": "Recibe este mensaje por su suscripción a {title}.",
        "because_topics": "Recibe este mensaje porque sigue {topics}.",
        "read_more": "Seguir leyendo en la web",
        "in_this_edition": "En esta edición",
        "more_articles": "Más en esta edición",
        "edition_on_web": "La edición completa está en la web",
        "view_in_browser": "Ver en el navegador",
        "unsubscribe": "Darse de baja",
        "preferences": "Elegir qué recibir",
        "share": "Compartir",
        "related": "Relacionado",
        "by": "Por {authors}",
        "minutes": "{minutes} min de lectura",
        "number": "N.º {number}",
        "listen": "Escuchar",
        "picture": "Imagen",
        "links": "Enlaces",
    },
    "fr": {
        "greeting_named": "Bonjour {name},",
        "greeting_plain": "Bonjour,",
        "because_all": "Vous recevez ce message au titre de votre abonnement à {title}.",
        "because_topics": "Vous recevez ce message parce que vous suivez {topics}.",
        "read_more": "Lire la suite sur le site",
        "in_this_edition": "Dans ce numéro",
        "more_articles": "Aussi dans ce numéro",
        "edition_on_web": "Le numéro complet est sur le site",
        "view_in_browser": "Voir dans le navigateur",
        "unsubscribe": "Se désabonner",
        "preferences": "Choisir ce que vous recevez",
        "share": "Partager",
        "related": "À lire aussi",
        "by": "Par {authors}",
        "minutes": "{minutes} min de lecture",
        "number": "N° {number}",
        "listen": "Écouter",
        "picture": "Image",
        "links": "Liens",
    },
    "ar": {
        "greeting_named": "تحية طيبة، {name}،",
        "greeting_plain": "تحية طيبة،",
        "because_all": "تصلك هذه الرسالة لأنك اشتركت في {title}.",
        "because_topics": "تصلك هذه الرسالة لأنك تتابع {topics}.",
        "read_more": "تابع القراءة على الموقع",
        "in_this_edition": "في هذا العدد",
        "more_articles": "المزيد في هذا العدد",
        "edition_on_web": "العدد الكامل على الموقع",
        "view_in_browser": "العرض في المتصفح",
        "unsubscribe": "إلغاء الاشتراك",
        "preferences": "اختر ما يصلك",
        "share": "شارك",
        "related": "مواضيع ذات صلة",
        "by": "بقلم {authors}",
        "minutes": "مدة القراءة: {minutes} د",
        "number": "العدد {number}",
        "listen": "استمع",
        "picture": "صورة",
        "links": "روابط",
    },
}


Day = date | datetime


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame's language: a BCP 47 tag, ``ltr`` or ``rtl``, and the words."""

    language: str
    direction: str
    words: dict[str, str]

    def date(self, day: Day) -> str:
        """A long date, such as *23 November 2026*."""
        return format_date(day, format="long", locale=_locale(self.language))

    def short_date(self, day: Day) -> str:
        return format_date(day, format="medium", locale=_locale(self.language))

    def listed(self, names: Sequence[str]) -> str:
        """``a, b and c``, each name kept from reordering the sentence."""
        rtl = self.direction == "rtl"
        return listed([isolated(name, right_to_left=rtl) for name in names], self.list_patterns)

    @property
    def list_patterns(self) -> tuple[str, str, str, str]:
        """CLDR's patterns for two items, and for the start, middle and end of more."""
        patterns = _locale(self.language).list_patterns["standard"]
        return patterns["2"], patterns["start"], patterns["middle"], patterns["end"]


def frame_for(language: str, fallback: str = "en") -> Frame:
    """The frame for a subscriber's language.

    :param fallback: the publication's; its region also decides how an *en* without one writes dates.
    """
    if fallback.lower().startswith(f"{language.lower()}-"):
        language = fallback
    for tag in (language, fallback, "en"):
        base = tag.replace("_", "-").split("-")[0].lower()
        if base in WORDS:
            return Frame(_known_tag(tag, base), direction(base), WORDS[base])
    raise AssertionError("English is always there")


def _known_tag(tag: str, base: str) -> str:
    # en-GB and en-US write dates differently; a region Babel does not know must not fail an edition.
    parts = tag.replace("_", "-").split("-")
    if len(parts) == 2 and localedata.exists(f"{base}_{parts[1].upper()}"):
        return f"{base}-{parts[1].upper()}"
    return base


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    return Locale.parse(language.replace("-", "_"))
