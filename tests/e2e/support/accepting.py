"""Who connects to a listening socket of the tests, until that is closed."""


def accepted(listener):
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        yield peer
