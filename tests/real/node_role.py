"""A stand-in for the node's metadata service, which gives no credentials and notes who asks."""

import stand_in


class Metadata(stand_in.Handler):
    asked = []

    def refuse(self):
        self.asked.append(self.path)
        self.send_error(404)

    do_GET = do_PUT = refuse
