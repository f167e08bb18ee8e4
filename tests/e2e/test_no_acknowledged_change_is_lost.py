"""A change of users that was answered is still there after kill -9 at any moment, and the store opens by itself.

Method: 200 times the program is started on the same store, four raw clients change users as fast as they can (each its own users, so that the
order of its changes is known), and after a random moment the program is killed with SIGKILL. After the next start every user must be in the
state that was last acknowledged; of a change that was under way, and of that alone, either outcome will do. Passwords are proved by a login of
each user whose state changed (SelectUser on itself, which Sallyport answers without a backend).
"""

import random
import signal
import threading
import time

from support.backends import free_port
from support.h2raw import Closed, Connection, token
from support.program import Sallyport, configuration
from support.protobuf import SERVICE, create_credential, delete_credential, encoded, select_user, status, update_credential, user_names

ROUNDS = 200
WRITERS = 4
NAMES_EACH = 3
ROOT = token("root:Milvus")


class Writer(threading.Thread):
    """Changes its users until the connection dies. `state`: name -> password or None; `doubt`: the state after the change that was sent and not
    answered. Both are only read after the thread has ended."""

    def __init__(self, number, state, address, seed):
        super().__init__(daemon=True)
        self.state, self.address, self.random = state, address, random.Random(seed)
        self.number = number
        self.doubt = {}
        self.touched = set()
        self.acknowledged = 0
        self.error = None

    def run(self):
        try:
            with Connection(self.address, timeout=20) as client:
                while True:
                    self.change(client)
        except (Closed, OSError):
            pass  # killed: what this is about
        except BaseException as error:
            self.error = error

    def change(self, client):
        name = self.random.choice(sorted(self.state))
        old, new = self.state[name], f"{name}-{self.random.randrange(1 << 40)}"
        if old is None:
            method, body = "CreateCredential", create_credential(name, encoded(new))
        elif self.random.random() < 0.25:
            method, body, new = "DeleteCredential", delete_credential(name), None
        else:
            method, body = "UpdateCredential", update_credential(name, encoded(old), encoded(new))
        self.doubt = {name: new}
        self.touched.add(name)
        answer = client.call(SERVICE + method, body, authorization=ROOT)
        if answer.message is None:
            assert answer.grpc[0] == 14, answer.frames  # refused for the moment: nothing changed
        else:
            assert status(answer.message)["code"] == 0, (method, name, status(answer.message))
            self.state[name] = new
            self.acknowledged += 1
        self.doubt = {}


def logs_in(client, name, password) -> bool:
    code, message = client.call(SERVICE + "SelectUser", select_user(name), authorization=token(f"{name}:{password}")).grpc
    assert code in (0, 16), message
    return code == 0


def check(address, writers):
    """Compares the store with what the writers know, and settles their doubts."""
    with Connection(address) as client:
        listed = set(user_names(client.call(SERVICE + "ListCredUsers", authorization=ROOT).message))
        expected = {"root"}
        for writer in writers:
            for name, password in writer.state.items():
                possible = {password, writer.doubt.get(name, password)}
                there = {p for p in possible if p is not None and name in listed and (name not in writer.touched or logs_in(client, name, p))}
                if name in listed:
                    assert len(there) == 1, f"{name}: none of the possible passwords works" if not there else f"{name}: two passwords work"
                else:
                    assert None in possible, f"{name} was acknowledged and is lost"
                writer.state[name] = there.pop() if there else None
                expected |= {name} if writer.state[name] is not None else set()
        assert listed == expected, f"listed {sorted(listed)}, expected {sorted(expected)}"


def test_200_kills_lose_nothing(folder):
    chance = random.Random(20_260_724)
    settings = configuration(folder, free_port())
    states = [{f"w{number}_{name}": None for name in range(NAMES_EACH)} for number in range(WRITERS)]
    writers, acknowledged, doubtful = [], 0, 0
    for round_ in range(ROUNDS + 1):
        program = Sallyport(folder, settings)
        try:
            check(program.address, writers)
            if round_ == ROUNDS:
                program.finish()
                break
            writers = [Writer(number, state, program.address, chance.random()) for number, state in enumerate(states)]
            for writer in writers:
                writer.start()
            time.sleep(chance.uniform(0.01, 0.35))  # the moment of the kill is what is random here
            program.send_signal(signal.SIGKILL)
            for writer in writers:
                writer.join(20)
                assert not writer.is_alive() and writer.error is None, f"round {round_}: {writer.error!r}"
            acknowledged += sum(writer.acknowledged for writer in writers)
            doubtful += sum(len(writer.doubt) for writer in writers)
        finally:
            program.stop(signal.SIGKILL)
    assert acknowledged > ROUNDS, f"only {acknowledged} changes were acknowledged: the kills prove nothing"
    assert doubtful > ROUNDS // 2, f"only {doubtful} changes were under way at a kill"
    print(f"{ROUNDS} kills, {acknowledged} acknowledged changes, {doubtful} under way")
