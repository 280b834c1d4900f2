"""Names and words of many scripts, for made-up people to bear and say."""

_FIRST = """
Ana Ben Cleo Dan Emi Filip Gül Hana Ivo Jürgen Kaja Lluís Mai Noor Oğuz Pía Quentin Radosław Søren Tanvi Uma
Víctor Wenke Xiu Yael Zoë Анна Борис Вера محمد ليلى 健太 美咲 지훈
"""

_LAST = """
Lima Okafor Marchetti Novák Tanaka Åkesson Brânză Castro Díaz Ekström Fjeld García Hübner Ito Jansen Kowalczyk
Łukasik Müller Nguyễn O'Neill Petrović Rossi Šimić Тарасенко Usta Väisänen Włodarczyk Yılmaz Žák
"""

_WORDS = """
the a to you I it and is that of in we on for my so not be just what have ok yes no lol haha maybe tomorrow
tonight can call me when are there see soon thanks really good great home work train late early coffee dinner
please
wait là être déjà ça où żółć zrobić się wiem że dziś zaraz ładnie schön über morgen früh für mañana niño qué
sí
está привет завтра хорошо ладно спасибо дом мир как дела مرحبا غدا こんにちは 明日 ありがとう 你好 明天见
안녕 내일
👍 😂 ❤️ 🎉 👨‍👩‍👧 🏳️‍🌈
photo street river summer winter garden music ticket window keys dog cat birthday weekend plan idea story
question
"""

FIRST, LAST, WORDS = (tuple(text.split()) for text in (_FIRST, _LAST, _WORDS))
