"""The three mails of our own: confirm, welcome, already. Words in six languages, one layout.

Nothing that came from a form stands in them: whoever types a stranger's address sends that stranger only our
own sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from publisher.rendering.bodies import wrap
from publisher.rendering.colours import contrast, legible
from publisher.rendering.languages import frame_for
from publisher.rendering.templates import environment, render
from publisher.settings import Settings

#: By kind and language: subject, title, lead, button, small. ``{name}`` is the publication.
WORDS: dict[str, dict[str, tuple[str, str, str, str, str]]] = {
    "confirm": {
        "en": (
            "Please confirm: {name}",
            "One more step",
            "Someone, hopefully you, asked for {name} to be sent to this address. Please confirm that you want it.",
            "Yes, subscribe me",
            "The link is good for 7 days. If it was not you, do nothing: you will not be subscribed.",
        ),
        "it": (
            "Conferma l’iscrizione: {name}",
            "Ancora un passo",
            "Qualcuno, speriamo tu, ha chiesto di ricevere {name} a questo indirizzo. Conferma che è ciò che vuoi.",
            "Sì, iscrivimi",
            "Il link vale 7 giorni. Se non sei stato tu, non fare nulla: non verrai iscritto.",
        ),
        "de": (
            "Bitte bestätigen: {name}",
            "Noch ein Schritt",
            "Jemand, hoffentlich Sie, hat {name} an diese Adresse bestellt. Bitte bestätigen Sie, dass Sie es möchten.",
            "Ja, ich möchte es lesen",
            "Der Link gilt 7 Tage. Waren Sie es nicht, tun Sie nichts: Sie werden nicht eingetragen.",
        ),
        "es": (
            "Confirma la suscripción: {name}",
            "Un paso más",
            "Alguien, esperamos que tú, pidió recibir {name} en esta dirección. Confirma que lo deseas.",
            "Sí, quiero suscribirme",
            "El enlace vale 7 días. Si no fuiste tú, no hagas nada: no se te suscribirá.",
        ),
        "fr": (
            "Merci de confirmer : {name}",
            "Encore une étape",
            "Quelqu’un, vous nous l’espérons, a demandé à recevoir {name} à cette adresse. Merci de le confirmer.",
            "Oui, je m’abonne",
            "Le lien est valable 7 jours. Si ce n’était pas vous, ne faites rien : vous ne serez pas abonné.",
        ),
        "ar": (
            "يرجى التأكيد: {name}",
            "خطوة أخيرة",
            "طلب شخص ما، ونرجو أن يكون أنت، إرسال {name} إلى هذا العنوان. يرجى تأكيد رغبتك في ذلك.",
            "نعم، أريد الاشتراك",
            "الرابط صالح لمدة 7 أيام. إن لم تكن أنت من طلب ذلك فلا تفعل شيئًا: لن يتم اشتراكك.",
        ),
    },
    "welcome": {
        "en": (
            "Welcome to {name}",
            "You are subscribed",
            "Thank you for subscribing to {name}. You choose the topics, how often it comes, and at what hour.",
            "Choose what you receive",
            "Keep this mail: the link opens your preferences without a password.",
        ),
        "it": (
            "Benvenuto su {name}",
            "L’iscrizione è attiva",
            "Grazie per l’iscrizione a {name}. Scegli tu gli argomenti, la frequenza e l’ora.",
            "Scegli che cosa ricevere",
            "Conserva questo messaggio: il link apre le tue preferenze senza password.",
        ),
        "de": (
            "Willkommen bei {name}",
            "Sie sind eingetragen",
            "Danke, dass Sie {name} lesen. Sie wählen die Themen, wie oft es kommt und um welche Uhrzeit.",
            "Wählen, was kommt",
            "Bewahren Sie diese Nachricht auf: Der Link öffnet Ihre Einstellungen ohne Passwort.",
        ),
        "es": (
            "Te damos la bienvenida a {name}",
            "La suscripción está activa",
            "Gracias por suscribirte a {name}. Tú eliges los temas, la frecuencia y la hora.",
            "Elegir qué recibir",
            "Guarda este mensaje: el enlace abre tus preferencias sin contraseña.",
        ),
        "fr": (
            "Bienvenue à {name}",
            "Votre abonnement est actif",
            "Merci de vous être abonné à {name}. Vous choisissez les sujets, la fréquence et l’heure.",
            "Choisir ce que vous recevez",
            "Gardez ce message : le lien ouvre vos préférences sans mot de passe.",
        ),
        "ar": (
            "مرحبًا بك في {name}",
            "تم تفعيل اشتراكك",
            "شكرًا لاشتراكك في {name}. أنت من يختار المواضيع وعدد المرات والساعة.",
            "اختر ما يصلك",
            "احتفظ بهذه الرسالة: يفتح الرابط تفضيلاتك دون كلمة مرور.",
        ),
    },
    "already": {
        "en": (
            "You already receive {name}",
            "You are subscribed already",
            "Someone asked for {name} to be sent to this address, which receives it already. Nothing has changed.",
            "Change what you receive",
            "If it was not you, there is nothing to do.",
        ),
        "it": (
            "Ricevi già {name}",
            "L’iscrizione c’è già",
            "Qualcuno ha chiesto {name} per questo indirizzo, che già lo riceve. Non è cambiato nulla.",
            "Scegli che cosa ricevere",
            "Se non sei stato tu, non devi fare nulla.",
        ),
        "de": (
            "Sie erhalten {name} schon",
            "Sie sind schon eingetragen",
            "Jemand hat {name} an diese Adresse bestellt, die es schon erhält. Es hat sich nichts geändert.",
            "Ändern, was kommt",
            "Waren Sie es nicht, ist nichts zu tun.",
        ),
        "es": (
            "Ya recibes {name}",
            "La suscripción ya existe",
            "Alguien pidió {name} para esta dirección, que ya lo recibe. No ha cambiado nada.",
            "Elegir qué recibir",
            "Si no fuiste tú, no tienes que hacer nada.",
        ),
        "fr": (
            "Vous recevez déjà {name}",
            "Vous êtes déjà abonné",
            "Quelqu’un a demandé {name} pour cette adresse, qui le reçoit déjà. Rien n’a changé.",
            "Choisir ce que vous recevez",
            "Si ce n’était pas vous, il n’y a rien à faire.",
        ),
        "ar": (
            "يصلك {name} بالفعل",
            "أنت مشترك بالفعل",
            "طلب شخص ما إرسال {name} إلى هذا العنوان الذي يستقبله بالفعل. لم يتغير شيء.",
            "غيّر ما يصلك",
            "إن لم تكن أنت من طلب ذلك فلا يلزم فعل شيء.",
        ),
    },
}


@dataclass(frozen=True, slots=True)
class RenderedNotice:
    """One notice in one language, ready to be put into a message."""

    subject: str
    text: str
    html: str
    language: str


def render_notice(settings: Settings, kind: str, language: str, *, url: str, leave_url: str = "") -> RenderedNotice:
    """The notice ``kind`` (a key of :data:`WORDS`), with its one button leading to ``url``.

    :param language: the reader's; the publication's, then English, where we do not speak it.
    :raises RenderError: the site's own template failed.
    """
    frame = frame_for(language, settings.publication.language)
    tongue = frame.language.partition("-")[0]
    subject, title, lead, button, small = WORDS[kind][tongue]
    name = settings.publication.title
    design = settings.design
    light, dark = legible(design.accent, "#fdfcf9"), legible(design.accent_dark, "#161513")
    values: dict[str, Any] = {
        "words": {
            "title": title,
            "lead": lead.replace("{name}", name),
            "button": button,
            "small": small,
            "leave": frame.words["unsubscribe"],
        },
        "url": url,
        "leave_url": leave_url,
        "publication": name,
        "base_url": settings.publication.base_url,
        "postal_address": settings.sender.postal_address,
        "language": frame.language,
        "direction": frame.direction,
        "font": design.font_body,
        "font_heading": design.font_heading,
        "light": light,
        "on_light": _on(light),
        "dark": dark,
        "on_dark": _on(dark),
    }
    env = _environment(settings.directory)
    wrapped = {word: wrap(text, first="", rest="") for word, text in values["words"].items()}
    return RenderedNotice(
        subject.replace("{name}", name),
        render(env, "notice/body.txt", values | {"words": wrapped}),
        render(env, "notice/body.html", values),
        frame.language,
    )


@lru_cache(maxsize=4)
def _environment(site: Path):  # type: ignore[no-untyped-def]  # jinja2's type, which is this room's matter
    return environment(site)


def _on(colour: str) -> str:
    return "#ffffff" if contrast("#ffffff", colour) >= 4.5 else "#000000"
