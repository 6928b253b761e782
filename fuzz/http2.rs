//! HTTP/2 requests and frames to the whole server. They are written by hand, since a client's
//! library refuses to send most of them.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use exporter_web::WebConfigFile;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::pki::{Pki, tls};
use crate::served::{NEVER, assert_no_panics, request, start};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Windows as large as can be, so that responses need no updates of them.
const SETTINGS: &[u8] = &[0, 4, 0x7f, 0xff, 0xff, 0xff];
const WINDOW_UPDATE: &[u8] = &[0x7f, 0xff, 0, 0];
/// An answer with status 500 begins so.
const STATUS_500: u8 = 0x8e;

struct Client {
    config: Arc<ClientConfig>,
    address: String,
}

/// A connection, and the number of the next request on it.
struct Connection(StreamOwned<ClientConnection, TcpStream>, u32);

/// What became of a request.
#[derive(PartialEq)]
enum Outcome {
    /// The first byte of the response's head.
    Answered(u8),
    Reset,
    Closed,
}

impl Client {
    fn connect(&self) -> Connection {
        let socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(NEVER)).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        let mut stream = StreamOwned::new(client, socket);
        stream.write_all(PREFACE).unwrap();
        let mut connection = Connection(stream, 1);
        connection.send(4, 0, 0, SETTINGS).unwrap();
        connection.send(8, 0, 0, WINDOW_UPDATE).unwrap();
        connection
    }
}

impl Connection {
    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<()> {
        let length = u32::try_from(payload.len()).unwrap();
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame)?;
        self.0.flush()
    }

    /// The kind, flags, stream and payload of the next frame.
    fn receive(&mut self) -> Result<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload)?;
        Ok((kind, flags, u32::from_be_bytes(stream), payload))
    }

    fn ask(&mut self, fields: &[u8]) -> Result<Outcome> {
        let asked = self.1;
        self.1 += 2;
        self.send(1, 5, asked, fields)?;
        let mut answered = Outcome::Closed;
        loop {
            let (kind, flags, stream, payload) = self.receive()?;
            match (kind, flags & 1) {
                (4, 0) => self.send(4, 1, 0, &[])?,
                (6, 0) => self.send(6, 1, 0, &payload)?,
                (7, _) => return Ok(Outcome::Closed),
                (3, _) if stream == asked => return Ok(Outcome::Reset),
                (1, _) if stream == asked => answered = Outcome::Answered(payload[0]),
                _ => {}
            }
            if kind <= 1 && flags & 1 == 1 && stream == asked {
                return Ok(answered);
            }
        }
    }

    /// Ends the connection; all that still comes on it.
    fn close(mut self) -> Result<()> {
        self.0.conn.send_close_notify();
        self.0.flush()?;
        self.0.sock.shutdown(Shutdown::Write)?;
        self.0.read_to_end(&mut Vec::new()).map(drop)
    }
}

/// Literal fields (RFC 7541, 6.2.2), no name or value being longer than one byte can say.
fn encoded(input: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in request(input) {
        block.push(0);
        for text in [name, &value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// The server never leaves a client without an end.
fn assert_ended<T>(ended: Result<T>, input: &[u8]) -> Option<T> {
    let in_time = |error: &std::io::Error| {
        !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
    };
    assert!(
        ended.as_ref().err().is_none_or(in_time),
        "{}",
        input.escape_ascii()
    );
    ended.ok()
}

/// TLS says nothing of panics, and after one nothing here is used again.
fn client(pki: &Pki) -> AssertUnwindSafe<Client> {
    let file = pki.web_config(&tls(""));
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(pki.path("ca.crt")).unwrap();
    roots.add(authority).unwrap();
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    AssertUnwindSafe(Client {
        config: Arc::new(config),
        address: start(Some(WebConfigFile::load(&file).unwrap())),
    })
}

#[test]
fn http2_requests() {
    let pki = Pki::new();
    let client = client(&pki);
    let mut connection = AssertUnwindSafe(client.connect());
    let (mut answered, mut reset, mut closed) = (0, 0, 0);
    bolero::check!()
        .with_iterations(1_500)
        .for_each(|input: &[u8]| {
            let (client, connection) = (&client, &mut connection);
            match assert_ended(connection.ask(&encoded(input)), input) {
                Some(Outcome::Answered(status)) => {
                    assert_ne!(status, STATUS_500, "{}", input.escape_ascii());
                    answered += 1;
                }
                Some(Outcome::Reset) => reset += 1,
                Some(Outcome::Closed) | None => {
                    closed += 1;
                    connection.0 = client.connect();
                }
            }
            assert_no_panics(input);
        });
    // Neither all good nor all nonsense.
    let others = reset + closed;
    assert!(
        answered > others / 10 && reset > 0,
        "{answered} of {others}"
    );
}

#[test]
fn http2_frames() {
    let pki = Pki::new();
    let client = client(&pki);
    bolero::check!()
        .with_iterations(300)
        .for_each(|input: &[u8]| {
            let client = &client;
            let mut connection = client.connect();
            for frame in input.chunks(16) {
                let [kind, flags, stream, payload @ ..] = frame else {
                    break;
                };
                // The connection may have ended already.
                let _ = connection.send(kind % 11, *flags, u32::from(stream % 4), payload);
            }
            // So may it here.
            assert_ended(connection.close(), input);
            assert_no_panics(input);
        });
}
